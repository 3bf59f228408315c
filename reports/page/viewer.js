// ---- viewer: one picture in full size, and everything known about it

const STRIP = 24; // pictures of one cell that are shown beside the one in full size

/**
 * The dialog over the grid.
 * @param {object} book
 * @param {object} hooks
 * @param {() => Scene} hooks.scene what is on the grid now
 * @param {(row: number, column: number, tile: number) => void} hooks.moved called whenever another cell is shown
 * @param {(change: (view: View) => View, how: 'push'|'replace') => void} hooks.change asks for another view
 * @param {() => void} hooks.compare called when the reader wants the pinned compared
 * @param {object} hooks.ratings what people think of cells
 * @param {() => void} hooks.closed
 */
function createViewer(book, hooks) {
  const dialog = part('viewer');
  const pieces = [...dialog.children]; // in the document only while it is open
  const place = { row: 0, column: 0, frame: 0 };
  let frames = [];

  function open(row, column, asked = -1) {
    const { arrangement, view } = hooks.scene();
    const tiles = tilesAt(arrangement, row, column);
    if (!tiles.length) return;
    frames = framesOf(book, tiles);
    const passing = (frame) => frame && passes(book, view, frame.tile);
    const wished = dialog.open ? place.frame : asked;
    const frame = passing(frames[wished]) ? wished : Math.max(0, frames.findIndex(passing));
    Object.assign(place, { row, column, frame });
    if (!dialog.open) {
      dialog.replaceChildren(...pieces);
      dialog.showModal();
      dialog.focus();
    }
    hooks.moved(row, column, tiles[0]);
    show();
    preloadAround();
  }

  function show() {
    const frame = frames[place.frame];
    showFrame(frame);
    part('panel').replaceChildren(...panel(book, frame, neighbours(frame)), ...strip(), keyHelp(book, hooks.scene().view));
    if (frame.position >= 0) part('panel').firstChild.after(judgingControls(book, hooks.ratings, frame.tile));
    part('panel').scrollTop = 0;
  }

  /** Shows a frame alone, or what it adds to its baseline where every cell is held against that. */
  function showFrame(frame, note = '') {
    const { view } = hooks.scene();
    const baseline = view.versus && !note && frame.position >= 0 ? baselineFrame(book, frame.tile) : null;
    const said = baseline ? `against baseline: ${book.title(baseline.tile)}` : note;
    part('stage').replaceChildren(baseline ? subtractedFull(book, frame, baseline) : fullPicture(book, frame));
    if (said) part('stage').append(make('p', { class: 'stage-note' }, said));
    part('viewer-said').textContent = said;
    part('viewer-pin').disabled = frame.position < 0;
    part('viewer-pin').setAttribute('aria-pressed', frame.position >= 0 && view.pins.includes(pinOf(book, frames[place.frame])));
  }

  /** Requests beside this one on the grid, to show what differs. */
  function neighbours({ tile }) {
    const { arrangement } = hooks.scene();
    const around = Object.keys(DIRECTIONS).map((key) => target(key, false)).filter(Boolean);
    const tiles = around.flatMap(({ row, column }) => tilesAt(arrangement, row, column).slice(0, 1));
    return tiles.filter((other) => other !== tile);
  }

  function target(key, byGroup) {
    return nextCell(hooks.scene(), place, DIRECTIONS[key], byGroup, (tile) => passes(book, hooks.scene().view, tile));
  }

  function strip() {
    if (frames.length < 2) return [];
    const first = clamp(place.frame - STRIP / 2, 0, Math.max(0, frames.length - STRIP));
    const buttons = frames.slice(first, first + STRIP).map((frame, after) => {
      const number = first + after;
      const small = frameNode(book, frame, { longer: 56, width: 56, height: 56 });
      const pressed = number === place.frame;
      const button = make('button', { type: 'button', class: 'strip-item', 'aria-pressed': pressed }, small);
      button.addEventListener('click', () => step(number - place.frame));
      return button;
    });
    return [make('div', { class: 'strip', 'aria-label': 'pictures in this cell' }, ...buttons)];
  }

  function step(by) {
    place.frame = (place.frame + by + frames.length) % frames.length;
    show();
  }

  function preloadAround() {
    for (const tile of neighbours(frames[place.frame])) {
      if (book.pictureCount(tile)) new Image().src = book.picture(tile, 0).original;
    }
  }

  function judge(key) {
    const cell = book.digest(frames[place.frame].tile);
    hooks.ratings.mark(cell, judgingKey(key, hooks.ratings.own(cell)));
    show();
  }

  function pin() {
    const frame = frames[place.frame];
    if (frame.position < 0) return showFrame(frame, 'there is no picture to pin');
    hooks.change((view) => togglePin(book, view, frame), 'replace');
    const { view } = hooks.scene();
    const pinned = view.pins.includes(pinOf(book, frame));
    part('panel').querySelector('.key-help').replaceWith(keyHelp(book, view));
    return showFrame(frame, pinned ? 'pinned: hold B over another picture to see this one' : 'no longer pinned');
  }

  /** Shows what the picture is compared with: the one pinned last, else its baseline. */
  function compare() {
    const pinned = pinnedFrames(book, hooks.scene().view).at(-1);
    const frame = pinned ?? baselineFrame(book, frames[place.frame].tile);
    if (frame) showFrame(frame, `${pinned ? 'pinned' : 'baseline'}: ${book.title(frame.tile)}`);
    else showFrame(frames[place.frame], 'nothing to compare with: P pins a picture');
  }

  /** Shows its cell again where one of some tiles lies in it; `moved` says where its cell lies now. */
  function renew(tiles, moved) {
    if (!dialog.open) return;
    if (moved) Object.assign(place, moved);
    const { tile } = frames[place.frame];
    if (tiles.has(tile)) open(place.row, place.column);
  }

  function versus() {
    hooks.change((view) => ({ ...view, versus: !view.versus }), 'replace');
    showFrame(frames[place.frame]);
  }

  dialog.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (Object.hasOwn(DIRECTIONS, event.key) && !event.target.closest('pre')) {
      event.preventDefault();
      const next = target(event.key, event.shiftKey);
      if (next) open(next.row, next.column);
    } else if (event.key === ',' || event.key === '.') step(event.key === ',' ? -1 : 1);
    else if (event.key === 'p') pin();
    else if (event.key === 'c') hooks.compare();
    else if (event.key === 'v' && book.baseline.size) versus();
    else if (judgingKey(event.key) && frames[place.frame].position >= 0) judge(event.key);
    else if (event.key === 'b' && !event.repeat) compare();
  });
  dialog.addEventListener('keyup', (event) => {
    if (event.key === 'b') showFrame(frames[place.frame]);
  });
  dialog.addEventListener('click', (event) => {
    const button = event.target.closest('[data-move]');
    const next = button && target(button.dataset.move, false);
    if (next) open(next.row, next.column);
  });
  part('viewer-pin').addEventListener('click', pin);
  part('viewer-close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    dialog.replaceChildren();
    hooks.closed();
  });
  dialog.replaceChildren();
  return { open, renew, close: () => dialog.open && dialog.close() };
}

const DIRECTIONS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** The next cell in a direction that has a tile which `wanted` accepts; by group, the same point of the next group. */
function nextCell({ arrangement, rows, columns }, from, [down, right], byGroup, wanted) {
  let { row, column } = from;
  for (;;) {
    const before = [row, column];
    if (byGroup && down) row = groupStep(arrangement.rows, rows.groups, row, down);
    else if (byGroup) column = groupStep(arrangement.columns, columns.groups, column, right);
    else [row, column] = [row + down, column + right];
    const outside = row < 0 || column < 0 || row >= arrangement.rows.length || column >= arrangement.columns.length;
    if (outside || (row === before[0] && column === before[1])) return null;
    if (tilesAt(arrangement, row, column).some(wanted)) return { row, column };
  }
}

/** A picture as large as the stage allows, up to twice its own pixels; a card where there is none. */
function fullPicture(book, { tile, position }) {
  if (position < 0) return stateCard(book, tile, { width: 480, height: 320 });
  const picture = book.picture(tile, position);
  const image = make('img', { class: 'full', width: picture.width, height: picture.height, alt: book.title(tile) });
  image.style.setProperty('--width', picture.width);
  image.style.setProperty('--height', picture.height);
  image.addEventListener('error', () => image.replaceWith(missingCard(picture)), { once: true });
  image.src = picture.original;
  return image;
}

/** A picture from which that of its baseline is subtracted, as large as it would be alone. */
function subtractedFull(book, frame, baseline) {
  const [own, other] = [frame, baseline].map((each) => fullPicture(book, each));
  other.setAttribute('alt', '');
  const { width, height } = book.picture(frame.tile, frame.position);
  for (const image of [own, other]) {
    image.style.setProperty('--width', width);
    image.style.setProperty('--height', height);
  }
  return make('div', { class: 'versus-full' }, own, other);
}

// -- the panel beside the picture

function panel(book, frame, neighbours) {
  const { tile } = frame;
  const route = `Request: POST ${book.fact(tile, 'endpoint')}`;
  return [
    coordinateList(book, tile),
    verdict(book, tile),
    ...flagLines(book, tile),
    factList(book, frame),
    ...jsonBlock(route, book.request.entries(tile), differing(book, tile, neighbours), (code) => copyButtons(book, tile, code)),
    ...jsonBlock('Answer', book.answer.entries(tile), new Set(), (code, text) => copyButton(code, text)),
  ];
}

function coordinateList(book, tile) {
  const rows = book.axes.flatMap(({ title, labels, descriptions, digits }) => {
    const digit = digits[tile];
    const value = digit ? labelText(labels[digit]) : make('span', { class: 'blank' }, 'does not apply');
    const more = digit && descriptions[digit] ? [make('small', {}, descriptions[digit])] : [];
    return [make('dt', {}, title), make('dd', {}, value, ...more)];
  });
  return make('dl', { class: 'coordinates' }, ...rows);
}

function verdict(book, tile) {
  const state = STATES[book.states[tile]];
  const reason = book.fact(tile, 'reason');
  const line = make('p', { class: `verdict state-${state}` }, icon(state), make('strong', {}, state));
  const earlier = book.fact(tile, 'reused');
  if (earlier) line.append(make('span', { class: 'quiet' }, ` reused from ${earlier}`));
  return reason ? make('div', {}, line, make('p', { class: 'reason' }, reason)) : line;
}

function flagLines(book, tile) {
  return book.flags(tile).map((words) => make('p', { class: 'flagged' }, icon('flag'), words));
}

function factList(book, { tile, position }) {
  const [milliseconds, seed, attempts] = ['milliseconds', 'seed', 'attempts'].map((name) => book.fact(tile, name));
  const repeat = book.fact(tile, 'repeat');
  const rows = [];
  const add = (name, value) => rows.push(make('dt', {}, name), make('dd', {}, value));
  if (seed !== null) add('seed', position > 0 ? `${seed}, picture ${position + 1}` : String(seed));
  if (milliseconds !== null) add('time', seconds(milliseconds / 1000));
  add('attempts', String(attempts));
  if (repeat) add('repeat', String(repeat));
  if (position >= 0) {
    const { width, height, size } = book.picture(tile, position);
    add('picture', `${width} × ${height}, ${bytes(size)}`);
  }
  add('cell', book.digest(tile));
  return make('dl', { class: 'facts' }, ...rows);
}

/** Names of parameters whose value differs from that of some neighbour. */
function differing(book, tile, neighbours) {
  const own = new Map(book.request.entries(tile).map(([name, value]) => [name, JSON.stringify(value)]));
  const different = new Set();
  for (const other of neighbours) {
    const theirs = new Map(book.request.entries(other).map(([name, value]) => [name, JSON.stringify(value)]));
    for (const [name, value] of own) if (theirs.get(name) !== value) different.add(name);
  }
  return different;
}

/** A JSON object as text, one line a member, with buttons that copy it. */
function jsonBlock(title, entries, marked, buttons) {
  if (!entries.length) return [];
  const lines = entries.map(([name, value], place) => {
    const comma = place < entries.length - 1 ? ',' : '';
    const line = `  ${JSON.stringify(name)}: ${JSON.stringify(value)}${comma}\n`;
    return marked.has(name) ? make('mark', { title: 'differs from a neighbour on the grid' }, line) : line;
  });
  const code = make('pre', { tabindex: 0 }, '{\n', ...lines, '}');
  const text = JSON.stringify(Object.fromEntries(entries), null, 2);
  return [make('div', { class: 'block-head' }, make('h3', {}, title), buttons(code, text)), code];
}

function copyButton(code, text) {
  const button = make('button', { type: 'button', class: 'copy' }, 'Copy');
  button.addEventListener('click', () => copy(text, code, button, 'Copy'));
  return button;
}

function keyHelp(book, view) {
  const held = pinnedFrames(book, view).length ? 'pinned' : book.baseline.size && 'baseline';
  const compare = held ? `hold B ${held} · P pin` : 'P pin, then hold B to compare';
  const keys = ['← → ↑ ↓ move', 'Shift jumps a group', ', . pictures in the cell', compare, 'Esc close', '? all keys'];
  return make('p', { class: 'key-help' }, keys.join(' · '));
}
