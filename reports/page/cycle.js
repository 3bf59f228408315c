// ---- cycle: a held axis plays through its points

const CYCLE = { least: 200, most: 3000, usual: 900, calm: 2000 }; // milliseconds a point; calm where less motion is wished for

/**
 * Plays through the points of one axis at a time, until the reader does something else.
 * @param {object} book
 * @param {() => View} view
 * @param {(change: (view: View) => View, how: 'push'|'replace') => void} change asks for another view
 */
function createCycle(book, view, change) {
  let pace = matchMedia('(prefers-reduced-motion: reduce)').matches ? CYCLE.calm : CYCLE.usual;
  let axis = NOWHERE;
  let last = NOWHERE;
  let timer = 0;
  let expected = ALL;

  function stop() {
    clearInterval(timer);
    const before = axis;
    axis = NOWHERE;
    if (before !== NOWHERE) mark(before);
  }

  function start(which) {
    stop();
    axis = last = which;
    restart(which);
    mark(axis);
  }

  function tick() {
    const now = view();
    if (now.held[axis] !== expected || !heldAxes(book, now).includes(axis) || now.compare || now.cell) {
      stop();
      return;
    }
    const digits = shownDigits(book, now, axis);
    expected = digits[(digits.indexOf(expected) + 1) % digits.length];
    change((before) => hold(before, axis, expected), 'replace');
  }

  /** Plays the axis that was played last, else the first that is held; or stops. */
  function toggle() {
    const held = heldAxes(book, view());
    if (axis !== NOWHERE) stop();
    else if (held.length) start(held.includes(last) ? last : held[0]);
    else announce('every axis lies on the grid: none is held that could be played');
  }

  function mark(which) {
    const button = document.querySelector(`[data-cycle="${which}"]`);
    if (button) paint(button, which);
  }

  /** Says whether the axis plays; how fast is asked only while it does. */
  function paint(button, which) {
    const plays = axis === which;
    button.setAttribute('aria-pressed', plays);
    button.replaceChildren(plays ? '❚❚' : '▶');
    if (!plays) button.nextSibling?.remove();
    else if (!button.nextSibling) button.after(speedOf(which));
  }

  function speedOf(which) {
    const { least, most } = CYCLE;
    const speed = make('input', { type: 'range', class: 'pace', min: least, max: most, step: 100, value: least + most - pace, 'aria-label': 'how fast', title: 'how fast' });
    speed.addEventListener('input', () => {
      pace = least + most - speed.value;
      restart(which);
    });
    return speed;
  }

  function restart(which) {
    clearInterval(timer);
    expected = view().held[which];
    timer = setInterval(tick, pace);
  }

  /** A button that plays an axis and stops it, and while it plays a slider for how fast. */
  function control(which) {
    const title = `play through ${book.axes[which].title}`;
    const button = make('button', { type: 'button', class: 'plain cycle', 'data-cycle': which, 'aria-label': title, title: `${title}: A` });
    button.addEventListener('click', () => (axis === which ? stop() : start(which)));
    const control = make('span', { class: 'cycling' }, button);
    paint(button, which);
    return control;
  }

  addEventListener('keydown', ({ key }) => key === 'Escape' && stop());
  return { control, toggle };
}
