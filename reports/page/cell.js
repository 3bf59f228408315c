// ---- cell: what lies in one box of the grid

const THUMBNAIL = 256;
const MOSAIC_MOST = [2, 3]; // pictures side by side, in a small cell and in a large one

/**
 * A frame is one picture of one tile, or a tile that has none.
 * @typedef {{tile: number, position: number}} Frame position is -1 where the tile has no picture
 */

/** All frames of the tiles in one box, in order. @returns {Frame[]} */
function framesOf(book, tiles) {
  return tiles.flatMap((tile) => {
    const count = book.pictureCount(tile);
    return count ? Array.from({ length: count }, (_, position) => ({ tile, position })) : [{ tile, position: -1 }];
  });
}

/** Fills a box of `width` by `height` pixels; pictures are `zoom` pixels on their longer side when they are alone. */
function fillCell(book, element, tiles, { zoom, width, height, versus = false }) {
  const frames = framesOf(book, tiles);
  if (!frames.length) {
    element.classList.add('vacant');
    element.setAttribute('aria-label', 'not in the plan');
    return;
  }
  if (frames.length === 1) {
    element.append(frameNode(book, frames[0], { longer: zoom, width, height, versus }));
    return;
  }
  const { across, down } = mosaicOf(frames.length, mosaicMost(zoom));
  const shown = frames.length > across * down ? across * down - 1 : frames.length;
  const slot = { longer: zoom / across, width: width / across, height: height / down, versus };
  const nodes = frames.slice(0, shown).map((frame) => frameNode(book, frame, slot));
  if (shown < frames.length) nodes.push(make('span', { class: 'more' }, `+${counted(frames.length - shown)}`));
  element.append(make('div', { class: `mosaic mosaic-${across}` }, ...nodes));
}

/** How many frames the tiles in one box have. */
function frameCount(book, tiles) {
  return tiles.reduce((sum, tile) => sum + Math.max(1, book.pictureCount(tile)), 0);
}

/** How many pictures stand side by side at most where a cell has several. */
function mosaicMost(zoom) {
  return MOSAIC_MOST[zoom < 160 ? 0 : 1];
}

/** How several pictures stand in one cell, with at most so many side by side. @returns {{across: number, down: number}} */
function mosaicOf(count, most) {
  const across = Math.min(Math.ceil(Math.sqrt(count)), most);
  return { across, down: Math.min(Math.ceil(count / across), across) };
}

/** How high the highest cell of each row is, in heights of one picture: two side by side are half as high. 0 where none is. */
function pileHeights(book, { rows, columns, cells }, most, countOf = frameCount) {
  const heights = new Float64Array(rows.length);
  for (const [key, tiles] of cells) {
    const count = countOf(book, tiles);
    if (!count) continue;
    const row = Math.floor(key / columns.length);
    const { across, down } = mosaicOf(count, most);
    heights[row] = Math.max(heights[row], down / across);
  }
  return heights;
}

/** Marks in the corners of a cell: what is odd about its pictures, where they come from, whether it is pinned. */
function marksOf(book, view, tiles) {
  const flags = tiles.flatMap((tile) => book.flags(tile));
  const earlier = tiles.map((tile) => book.fact(tile, 'reused')).find(Boolean);
  return [
    ...(flags.length ? [flagMark(flags)] : []),
    ...(earlier ? [reusedMark(earlier)] : []),
    ...(hasPin(book, view, tiles) ? [pinMark()] : []),
  ];
}

/** A flag in the corner of a cell; the tooltip and the viewer say what is odd. */
function flagMark(flags) {
  const words = [...new Set(flags)].join('; ');
  return make('span', { class: 'flag', role: 'img', 'aria-label': words, title: words }, icon('flag'));
}

/** A mark of a cell whose pictures an earlier run has made. */
function reusedMark(earlier) {
  const words = `reused from ${earlier}`;
  return make('span', { class: 'reused', role: 'img', 'aria-label': words, title: words }, icon('reused'));
}

function pinMark() {
  return make('span', { class: 'pin', role: 'img', 'aria-label': 'pinned', title: 'pinned' }, icon('pin'));
}

function frameNode(book, { tile, position }, room) {
  if (position < 0) return stateCard(book, tile, room);
  const picture = pictureNode(book, tile, position, room.longer);
  return room.versus ? subtracted(book, tile, picture, room.longer) : picture;
}

/** A picture from which that of its baseline is subtracted: black where they agree. */
function subtracted(book, tile, picture, longer) {
  const baseline = baselineFrame(book, tile);
  if (!baseline) return make('div', { class: 'versus without', title: 'it has no baseline' }, picture);
  const other = pictureNode(book, baseline.tile, baseline.position, longer);
  other.setAttribute('alt', '');
  return make('div', { class: 'versus' }, picture, other);
}

/** A picture at most `longer` pixels long. */
function pictureNode(book, tile, position, longer) {
  const picture = book.picture(tile, position);
  const scale = longer / Math.max(picture.width, picture.height);
  const image = make('img', {
    class: 'picture',
    width: Math.round(picture.width * scale),
    height: Math.round(picture.height * scale),
    loading: 'lazy',
    decoding: 'async',
    alt: book.title(tile),
    draggable: 'false',
  });
  image.src = sourceOf(picture, longer);
  image.addEventListener('error', () => image.replaceWith(missingCard(picture)), { once: true });
  return image;
}

/** The small copy of a picture, or the picture where the screen shows more than that holds. */
function sourceOf(picture, longer) {
  return longer * devicePixelRatio <= 1.5 * THUMBNAIL ? picture.thumbnail : picture.original;
}

/** What stands in place of a picture whose file is not beside the page. */
function missingCard(picture) {
  return make('div', { class: 'card', title: `${picture.file} is not in the run folder` }, icon('unknown'),
    make('span', { class: 'card-reason' }, 'picture file not found'));
}

/** What a state means where its name would be taken for less: sent, never answered, and perhaps paid for. */
const MEANINGS = new Map([['unknown', 'may have been made']]);

/** How a tile stands and why. */
function wordsOfState(book, tile) {
  const state = STATES[book.states[tile]];
  return [state, book.fact(tile, 'reason') || MEANINGS.get(state)].filter(Boolean).join(': ');
}

/** Why a tile has no picture: icon, state and reason as far as they fit; the tooltip has all of it. */
function stateCard(book, tile, { width, height }) {
  const state = STATES[book.states[tile]];
  const reason = book.fact(tile, 'reason');
  const meaning = MEANINGS.get(state) ?? '';
  const words = wordsOfState(book, tile);
  const card = make('div', { class: `card state-${state}`, title: words }, icon(state));
  if (width < 72) card.append(make('span', { class: 'unseen' }, words));
  else if (!meaning || height >= 112) card.append(make('span', { class: 'card-state' }, state));
  if (meaning && width >= 72) card.append(make('strong', { class: 'card-meaning' }, meaning));
  if (reason && width >= 96 && height >= 84) card.append(make('span', { class: 'card-reason' }, reason));
  return card;
}
