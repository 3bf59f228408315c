// ---- pins: cells that the reader has put side by side in mind, and the tray that shows them

const MOST_PINS = 9;

/** How the address names a frame: its cell's digest, and which of its pictures where that is not the first. */
function pinOf(book, { tile, position }) {
  return position > 0 ? `${book.digest(tile)}.${position}` : book.digest(tile);
}

/** Frames that a view has pinned; what is not in this book, or has no such picture, is left out. */
function pinnedFrames(book, view) {
  return view.pins.flatMap((pin) => {
    const [digest, position = '0'] = pin.split('.');
    const tile = tileOf(book, digest);
    const known = tile >= 0 && Number(position) < book.pictureCount(tile);
    return known ? [{ tile, position: Number(position) }] : [];
  });
}

const tilesByDigest = new WeakMap();

/** The first tile with this digest, -1 where there is none. */
function tileOf(book, digest) {
  if (!tilesByDigest.has(book)) {
    const found = new Map();
    for (let tile = book.count - 1; tile >= 0; tile -= 1) found.set(book.digest(tile), tile);
    tilesByDigest.set(book, found);
  }
  return tilesByDigest.get(book).get(digest) ?? -1;
}

/** The view with a frame pinned, or no longer; the first makes room where there are too many. */
function togglePin(book, view, frame) {
  if (frame.position < 0) return view;
  const pin = pinOf(book, frame);
  const others = view.pins.filter((known) => known !== pin);
  const pins = others.length < view.pins.length ? others : [...others, pin].slice(-MOST_PINS);
  return { ...view, pins };
}

const pinnedTiles = new WeakMap();

/** Whether one of some tiles is pinned. */
function hasPin(book, view, tiles) {
  if (!pinnedTiles.has(view)) pinnedTiles.set(view, new Set(view.pins.map((pin) => tileOf(book, pin.split('.')[0]))));
  return tiles.some((tile) => pinnedTiles.get(view).has(tile) && book.pictureCount(tile) > 0);
}

/**
 * The tray at the window's lower edge.
 * @param {object} book
 * @param {(change: (view: View) => View, how: 'push'|'replace') => void} change asks for another view
 */
function createTray(book, change) {
  const tray = part('tray');
  const compare = make('button', { type: 'button', id: 'tray-compare', class: 'plain strong' }, 'Compare');
  const clear = make('button', { type: 'button', class: 'plain' }, 'Unpin all');
  const list = make('div', { class: 'tray-list', role: 'list', 'aria-label': 'pinned cells' });
  compare.addEventListener('click', () => change((view) => ({ ...view, compare: 'side', along: null }), 'push'));
  clear.addEventListener('click', () => change((view) => ({ ...view, pins: [] }), 'push'));

  return function update(view) {
    const frames = pinnedFrames(book, view);
    tray.hidden = !frames.length;
    tray.replaceChildren(...(frames.length ? [list, compare, clear] : []));
    document.documentElement.classList.toggle('with-tray', frames.length > 0);
    compare.disabled = frames.length < 2;
    compare.title = frames.length < 2 ? 'pin another cell with P' : 'C';
    const titles = apartTitles(book, frames);
    list.replaceChildren(...frames.map((frame, place) => {
      const small = frameNode(book, frame, { longer: 44, width: 44, height: 44 });
      const button = make('button', { type: 'button', class: 'tray-item', title: `unpin: ${titles[place]}` }, small,
        make('span', { class: 'label-text' }, ...breakable(titles[place])));
      button.addEventListener('click', () => change((now) => togglePin(book, now, frame), 'push'));
      return make('div', { role: 'listitem' }, button);
    }));
  };
}
