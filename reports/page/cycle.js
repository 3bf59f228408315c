// ---- cycle: a held axis plays through its points

const CYCLE = 900; // milliseconds a point

/**
 * Plays through the points of one axis at a time, until the reader does something else.
 * @param {object} book
 * @param {() => View} view
 * @param {(change: (view: View) => View, how: 'push'|'replace') => void} change asks for another view
 */
function createCycle(book, view, change) {
  let axis = NOWHERE;
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
    axis = which;
    expected = view().held[axis];
    timer = setInterval(tick, CYCLE);
    mark(axis);
  }

  function tick() {
    const now = view();
    if (now.held[axis] !== expected || !heldAxes(book, now).includes(axis) || now.compare || now.cell) {
      stop();
      return;
    }
    const most = book.axes[axis].labels.length - 1;
    expected = (expected % most) + 1;
    change((before) => hold(before, axis, expected), 'replace');
  }

  function mark(which) {
    const button = document.querySelector(`[data-cycle="${which}"]`);
    button?.setAttribute('aria-pressed', axis === which);
    button?.replaceChildren(axis === which ? '❚❚' : '▶');
  }

  /** A button that plays an axis and stops it. */
  function button(which) {
    const title = `play through ${book.axes[which].title}`;
    const element = make('button', { type: 'button', class: 'plain cycle', 'data-cycle': which, 'aria-pressed': axis === which, 'aria-label': title, title }, axis === which ? '❚❚' : '▶');
    element.addEventListener('click', () => (axis === which ? stop() : start(which)));
    return element;
  }

  addEventListener('keydown', ({ key }) => key === 'Escape' && stop());
  return { button };
}
