// ---- compare: pictures side by side, over each other, or subtracted

const MODES = [
  { name: 'side', words: 'Side by side', key: 's' },
  { name: 'wipe', words: 'Slider', key: 'w' },
  { name: 'flicker', words: 'Flicker', key: 'f' },
  { name: 'difference', words: 'Difference', key: 'd' },
];
const PINNED = -1;

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
    const set = comparedSet(book, next);
    part('compare-bar').replaceChildren(modeButtons(next), sourceControls(book, next, set, change), closeButton());
    const content = set.frames.length < 2 ? [nothingToCompare(next)] : MODE_STAGES[next.compare](book, set, { play });
    stage.className = `stage-${next.compare}`;
    stage.replaceChildren(...content);
  }

  function modeButtons({ compare }) {
    const buttons = MODES.map(({ name, words, key }) => {
      const button = make('button', { type: 'button', class: 'plain', 'aria-pressed': name === compare, title: key.toUpperCase() }, words);
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
    change((now) => ({ ...now, pair: comparedSet(book, now).neighbour(by) }), 'replace');
  }

  dialog.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('select, input')) return;
    const mode = MODES.find(({ key }) => key === event.key);
    if (mode) choose(mode.name);
    else if (event.key === '[' || event.key === ']') step(event.key === '[' ? -1 : 1);
    else if (event.key === 'x') change(swapped, 'replace');
    else if (event.key === ' ' && event.target === dialog) stage.querySelector('.play')?.click();
    else if (!lens.press(event.key)) return;
    event.preventDefault();
  });
  dialog.addEventListener('close', () => {
    stop();
    if (view().compare) closed();
  });
  return { update, isOpen: () => dialog.open };
}

/** The view with A and B exchanged. */
function swapped(view) {
  if (view.along) return { ...view, along: { ...view.along, from: view.along.to, to: view.along.from } };
  const [first, second, ...others] = view.pins;
  return second ? { ...view, pins: [second, first, ...others] } : view;
}

/**
 * What a view compares: its pinned frames, or one of the pairs along an axis.
 * @returns {{frames: Frame[], titles: string[], place: number, count: number, neighbour: (by: number) => string}}
 */
function comparedSet(book, { along, pins, pair }) {
  if (!along) {
    const frames = pinnedFrames(book, { pins });
    return { frames, titles: apartTitles(book, frames.map(({ tile }) => tile)), place: 0, count: 1, neighbour: () => pair };
  }
  const pairs = pairsAlong(book, along.axis, along.from, along.to);
  const place = Math.max(0, pairs.findIndex(([tile]) => book.digest(tile) === pair));
  const tiles = pairs[place] ?? [];
  return {
    frames: tiles.map((tile) => ({ tile, position: 0 })),
    titles: apartTitles(book, tiles),
    place,
    count: pairs.length,
    neighbour: (by) => (pairs.length ? book.digest(pairs[(place + by + pairs.length) % pairs.length][0]) : pair),
  };
}

function nothingToCompare({ along }) {
  const words = along
    ? 'No two pictures differ in this axis alone, from the one point to the other.'
    : 'Pin two cells with P, on the grid or in the viewer, or choose an axis above.';
  return make('p', { class: 'compare-nothing' }, words);
}

/** What is compared: the pins, or an axis with two of its points and the pairs along it. */
function sourceControls(book, { along }, set, change) {
  const axes = book.axes.flatMap(({ title, labels }, axis) => (labels.length > 2 ? [[axis, `along ${title}`]] : []));
  const source = chooser('compare-source', 'what to compare', [[PINNED, 'the pinned cells'], ...axes], along?.axis ?? PINNED);
  source.addEventListener('change', () => {
    const axis = Number(source.value);
    change((now) => ({ ...now, along: axis === PINNED ? null : firstPoints(book, axis), pair: '' }), 'push');
  });
  const controls = make('div', { class: 'sources' }, source);
  if (!along) return controls;
  const points = book.axes[along.axis].labels.slice(1).map((label, place) => [place + 1, label]);
  for (const [end, words] of [['from', 'A'], ['to', 'B']]) {
    const select = chooser(`compare-${end}`, words, points, along[end]);
    select.addEventListener('change', () => {
      change((now) => ({ ...now, along: { ...now.along, [end]: Number(select.value) } }), 'replace');
    });
    controls.append(make('label', { class: 'choice' }, make('span', {}, words), select));
  }
  const step = (by, sign, words) => {
    const button = make('button', { type: 'button', class: 'plain', 'aria-label': words, title: by < 0 ? '[' : ']' }, sign);
    button.addEventListener('click', () => change((now) => ({ ...now, pair: comparedSet(book, now).neighbour(by) }), 'replace'));
    return button;
  };
  const said = make('output', {}, set.count ? `pair ${set.place + 1} of ${counted(set.count)}` : 'no pair');
  const shared = make('span', { class: 'shared label-text' }, ...breakable(sharedTitle(book, set.frames.map(({ tile }) => tile))));
  controls.append(step(-1, '‹', 'previous pair'), said, step(1, '›', 'next pair'), shared);
  return controls;
}

/** A baseline's point against the next one where the axis has it, else its first against its last. */
function firstPoints(book, axis) {
  const { name, labels } = book.axes[axis];
  const from = book.baseline.has(name) ? Math.max(1, labels.indexOf(book.baseline.get(name), 1)) : 1;
  return { axis, from, to: from === labels.length - 1 ? 1 : labels.length - 1 };
}

function chooser(id, label, options, value) {
  const select = make('select', { id, 'aria-label': label }, ...options.map(([key, words]) => make('option', { value: key }, words)));
  select.value = value;
  return make('span', { class: 'choice' }, select).firstChild;
}
