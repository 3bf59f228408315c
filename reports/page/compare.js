// ---- compare: pictures side by side, over each other, or subtracted

const MODES = [
  { name: 'side', words: 'Side by side', key: 's' },
  { name: 'wipe', words: 'Slider', key: 'w' },
  { name: 'flicker', words: 'Flicker', key: 'f' },
  { name: 'difference', words: 'Difference', key: 'd' },
];
const PINNED = -1;
const RANGE_KEYS = /^(Arrow|Home$|End$|Page)/;
const MOST_OPTIONS = 64; // points of an axis that stand in a list; of more, one is chosen with a slider
const LONGEST_SAID = 300; // letters that a reader who listens has to hear
const SLIDE = 2; // hundredths of the picture, for one press of an arrow key

/**
 * The dialog in which pictures are compared: those that are pinned, or pairs along an axis.
 * @param {object} book
 * @param {object} hooks
 * @param {() => View} hooks.view
 * @param {(change: (view: View) => View, how: 'push'|'replace') => void} hooks.change asks for another view
 * @param {() => void} hooks.closed called when the reader closed it
 */
function createCompare(book, { view, change, closed }) {
  const dialog = part('compare');
  const stage = part('compare-stage');
  const lens = createLens(stage);
  const dials = { ...DIALS, playing: !matchMedia('(prefers-reduced-motion: reduce)').matches };
  let playing = null;
  let shown = '';

  /** Brings the dialog in line with a view. */
  function update(next) {
    if (!next.compare) {
      stop();
      shown = '';
      if (dialog.open) dialog.close();
      return;
    }
    if (!dialog.open) {
      dialog.showModal();
      dialog.focus();
      lens.reset();
    }
    const asked = JSON.stringify([next.compare, next.along, next.pins, next.pair]);
    if (asked === shown) return;
    shown = asked;
    render(next);
  }

  function render(next) {
    stop();
    const focused = dialog.contains(document.activeElement) ? document.activeElement.id : '';
    const set = comparedSet(book, next);
    part('compare-bar').replaceChildren(modeButtons(next), sourceControls(book, next, set, step, change), closeButton());
    const content = set.frames.length < 2 ? [nothingToCompare(next)] : MODE_STAGES[next.compare](book, set, { play, dials });
    stage.className = `stage-${next.compare}`;
    stage.replaceChildren(...content);
    part('compare-said').textContent = `${set.said} ${set.titles.join(' against ')}`.slice(0, LONGEST_SAID);
    (part(focused) ?? dialog).focus({ preventScroll: true });
  }

  function modeButtons({ compare }) {
    const buttons = MODES.map(({ name, words, key }) => {
      const button = make('button', { type: 'button', id: `compare-${name}`, class: 'plain', 'aria-pressed': name === compare, title: key.toUpperCase() }, words);
      button.addEventListener('click', () => choose(name));
      return button;
    });
    return make('div', { class: 'modes', role: 'group', 'aria-label': 'how to compare' }, ...buttons);
  }

  function closeButton() {
    const button = make('button', { type: 'button', id: 'compare-close', class: 'plain' }, 'Close');
    button.addEventListener('click', () => dialog.close());
    return button;
  }

  function choose(mode) {
    change((now) => ({ ...now, compare: mode }), 'replace');
  }

  /** Calls `tick` again and again until something else is shown; returns a function that changes the pace. */
  function play(tick, milliseconds) {
    clearInterval(playing);
    playing = milliseconds ? setInterval(tick, milliseconds) : null;
  }

  function stop() {
    clearInterval(playing);
    playing = null;
  }

  function step(by) {
    change((now) => comparedSet(book, now).neighbour(by), 'replace');
  }

  /** Moves the slider where there is one; returns whether there is. */
  function slide(key) {
    const range = stage.querySelector('.wipe');
    const by = { ArrowLeft: -SLIDE, ArrowRight: SLIDE }[key];
    if (!range || !by) return false;
    range.value = Number(range.value) + by;
    range.dispatchEvent(new Event('input'));
    return true;
  }

  dialog.addEventListener('keydown', (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest('select')) return;
    if (target.closest('input') && RANGE_KEYS.test(key)) return;
    const mode = MODES.find((known) => known.key === key);
    if (mode) choose(mode.name);
    else if (key === '[' || key === ']') step(key === '[' ? -1 : 1);
    else if (key === 'x') change(swapped, 'replace');
    else if (key === ' ' && !target.closest('button')) stage.querySelector('.play')?.click();
    else if (!lens.press(key) && !slide(key)) return;
    event.preventDefault();
  });
  dialog.addEventListener('close', () => {
    stop();
    if (view().compare) closed();
  });
  return { update };
}

/** The view with A and B exchanged. */
function swapped(view) {
  if (view.along) return { ...view, along: { ...view.along, from: view.along.to, to: view.along.from } };
  const [first, second, ...others] = view.pins;
  return second ? { ...view, pins: [second, first, ...others] } : view;
}

/**
 * What a view compares: its pinned frames, or one of the pairs along an axis.
 * @returns {{frames: Frame[], titles: string[], steps: boolean, said: string, neighbour: (by: number) => View}}
 *   whether there are others to step to, where this one stands among them, and the view of another
 */
function comparedSet(book, view) {
  return view.along ? pairSet(book, view) : pinnedSet(book, view);
}

function pairSet(book, view) {
  const { axis, from, to } = view.along;
  const pairs = pairsAlong(book, axis, from, to);
  const place = Math.max(0, pairs.findIndex(([tile]) => book.digest(tile) === view.pair));
  const frames = (pairs[place] ?? []).map((tile) => ({ tile, position: 0 }));
  const other = (by) => book.digest(pairs[(place + by + pairs.length) % pairs.length][0]);
  return {
    frames,
    titles: apartTitles(book, frames),
    steps: true,
    said: pairs.length ? `pair ${counted(place + 1)} of ${counted(pairs.length)}` : 'no pair',
    neighbour: (by) => (pairs.length ? { ...view, pair: other(by) } : view),
  };
}

/** The pinned frames; where a mode has room for two, a step brings the next of them to the front. */
function pinnedSet(book, view) {
  const frames = pinnedFrames(book, view);
  const steps = view.compare !== 'side' && frames.length > 2;
  const turned = (by) => (by > 0 ? [...view.pins.slice(1), view.pins[0]] : [view.pins.at(-1), ...view.pins.slice(0, -1)]);
  return {
    frames,
    titles: apartTitles(book, steps ? frames.slice(0, 2) : frames),
    steps,
    said: steps ? `two of ${frames.length} pinned` : '',
    neighbour: (by) => (view.pins.length ? { ...view, pins: turned(by) } : view),
  };
}

function nothingToCompare({ along }) {
  const words = along
    ? 'No two pictures differ in this axis alone, from the one point to the other.'
    : 'Pin two cells with P, on the grid or in the viewer, or choose an axis above.';
  return make('p', { class: 'compare-nothing' }, words);
}

/** What is compared: the pins, or an axis with two of its points and the pairs along it. */
function sourceControls(book, { along }, set, step, change) {
  const axes = book.axes.flatMap(({ title, labels }, axis) => (labels.length > 2 ? [[axis, `along ${title}`]] : []));
  const source = chooser('compare-source', 'what to compare', [[PINNED, 'the pinned cells'], ...axes], along?.axis ?? PINNED);
  source.addEventListener('change', () => {
    const axis = Number(source.value);
    change((now) => ({ ...now, along: axis === PINNED ? null : firstPoints(book, axis), pair: '' }), 'push');
  });
  const controls = make('div', { class: 'sources' }, source, ...(along ? pointChoosers(book, along, change) : []));
  if (!set.steps) return controls;
  const shared = along ? sharedTitle(book, set.frames.map(({ tile }) => tile)) : '';
  controls.append(
    stepButton('compare-previous', -1, '‹', 'previous pair', '[', step),
    make('output', {}, set.said),
    stepButton('compare-next', 1, '›', 'next pair', ']', step),
    make('span', { class: 'shared label-text', title: shared }, ...breakable(shared)),
  );
  return controls;
}

/** The two points of an axis that are compared. */
function pointChoosers(book, along, change) {
  const { labels } = book.axes[along.axis];
  const points = labels.slice(1).map((label, place) => [place + 1, visible(label)]);
  return [['from', 'A'], ['to', 'B']].map(([end, words]) => {
    const long = points.length > MOST_OPTIONS;
    const control = (long ? pointSlider : chooser)(`compare-${end}`, words, points, along[end]);
    control.addEventListener('change', () => {
      change((now) => ({ ...now, along: { ...now.along, [end]: Number(control.value) } }), 'replace');
    });
    return make('label', { class: 'choice' }, make('span', {}, words), control, ...(long ? [labelText(labels[along[end]])] : []));
  });
}

/** One of so many points that a list of them would be too long. */
function pointSlider(id, label, points, value) {
  const slider = make('input', { type: 'range', id, min: 1, max: points.length, step: 1, 'aria-label': label });
  const say = () => slider.setAttribute('aria-valuetext', points[slider.value - 1][1]);
  slider.addEventListener('input', say);
  slider.value = value;
  say();
  return slider;
}

function stepButton(id, by, sign, words, key, step) {
  const button = make('button', { type: 'button', id, class: 'plain', 'aria-label': words, title: key }, sign);
  button.addEventListener('click', () => step(by));
  return button;
}

/** A baseline's point against the next one where the axis has it, else its first against its last. */
function firstPoints(book, axis) {
  const last = book.axes[axis].labels.length - 1;
  const from = Math.max(1, baselineDigit(book, axis));
  return { axis, from, to: from === last ? 1 : last };
}

function chooser(id, label, options, value) {
  const select = make('select', { id, 'aria-label': label }, ...options.map(([key, words]) => make('option', { value: key }, words)));
  select.value = value;
  return make('span', { class: 'choice' }, select).firstChild;
}
