// ---- budget: how large cells must be, and how much each may tell, for the document to stay small

const MOST_ELEMENTS = 2300; // on the board: 3,000 in the document, less the controls, the sections below and a dialog
const NEAR = { full: 140, small: 60 }; // pixels around the window in which there are elements

/**
 * The size closest to the wanted one at which a window full of cells takes few elements, wherever on the grid one looks.
 * @param {object} book
 * @param {View} view
 * @param {Arrangement} arrangement
 * @param {{width: number, height: number}} room the window
 * @param {(zoom: number) => {columns: object, rows: object}} lay lays the lanes out, see layOut
 * @param {number} wanted longer side of a picture in CSS pixels
 * @returns {{zoom: number, least: number, small: boolean}} small: cells of that size are one element each, see small.js
 */
function affordable(book, view, arrangement, room, lay, wanted) {
  const labels = labelElements(book, view, arrangement);
  const small = (zoom) => boardElements(lay(zoom), labels, room, NEAR.small, isList(view) ? 2 : 1);
  let least = ZOOM.least;
  while (least < ZOOM.most && small(least) > MOST_ELEMENTS) least += ZOOM.step;
  const zoom = Math.max(wanted, least);
  const full = boardElements(lay(zoom), labels, room, NEAR.full, fullElements(book, view, arrangement, zoom));
  return { zoom, least, small: full > MOST_ELEMENTS };
}

/** The scene of a view; a list is laid out anew where its cells come out larger than wanted. @returns {Scene} */
function sceneOf(book, view, room) {
  const scene = stage(book, view, arrange(book, view, room), room);
  if (!isList(view) || scene.least <= (view.zoom || LIST_ZOOM)) return scene;
  const larger = { ...view, zoom: scene.least };
  return { ...stage(book, larger, arrange(book, larger, room), room), view };
}

/** The most elements that lie in and around a window, of `cell` elements for each cell. */
function boardElements({ columns, rows }, labels, room, near, cell) {
  const across = mostWithin(columns, room.width + 2 * near);
  const down = mostWithin(rows, room.height + 2 * near) + 1; // the row that the reader is in stays
  const bands = mostWithin(groupsAsLanes(rows), room.height + 2 * near) + 1;
  const spans = mostWithin(groupsAsLanes(columns), room.width + 2 * near);
  return labels.names + across * labels.x + spans * labels.columns + bands * labels.rows + down * labels.y + down * (across + 1) * cell;
}

/** How many lanes at most touch a stretch of so many pixels. */
function mostWithin({ starts, extents }, stretch) {
  let most = 0;
  let first = 0;
  starts.forEach((start, last) => {
    while (start - starts[first] - extents[first] >= stretch) first += 1;
    most = Math.max(most, last - first + 1);
  });
  return most;
}

function groupsAsLanes(lanes) {
  const firsts = lanes.groups.slice(0, -1);
  return { starts: firsts.map((lane) => lanes.starts[lane]), extents: firsts.map((lane) => groupExtent(lanes, lane)) };
}

/** How many elements the labels take: of one column, one row, one group of each, and the names of the axes. */
function labelElements(book, view, { columns, rows }) {
  const most = (axis, lanes, side, around) => (axis === NOWHERE ? 0 : around + Math.max(0, ...digitsIn(lanes, side).map((digit) => elementsIn(labelNodes(book, axis, digit)))));
  return {
    names: 12,
    x: most(view.x, columns, 'inner', 2),
    y: 1 + most(view.y, rows, 'inner', 2),
    columns: most(view.columns, columns, 'outer', 2),
    rows: 1 + most(view.rows, rows, 'outer', 4),
  };
}

function digitsIn(lanes, side) {
  return [...new Set(lanes.map((lane) => lane[side]))];
}

function elementsIn(nodes) {
  return nodes.reduce((sum, node) => sum + (node.nodeType === Node.ELEMENT_NODE ? 1 + node.getElementsByTagName('*').length : 0), 0);
}

/** The most elements of one cell that tells everything. */
function fullElements(book, view, { cells }, zoom) {
  const around = 2 + (view.paint ? 1 : 0) + (isList(view) ? captionElements(book) : 0); // itself, and what people said of it
  let most = 1;
  for (const tiles of cells.values()) most = Math.max(most, pileElements(book, view, tiles, zoom));
  return around + most;
}

/** Elements of the pictures, the cards and the marks in a cell. */
function pileElements(book, view, tiles, zoom) {
  const marks = marksByTile(book);
  if (tiles.length === 1 && book.pictureCount(tiles[0]) === 1) return marks[tiles[0]] + (view.versus ? 3 : 1);
  const counts = tiles.map((tile) => book.pictureCount(tile));
  const frames = frameCount(book, tiles);
  const { across, down } = mosaicOf(frames, mosaicMost(zoom));
  const picture = view.versus ? 3 : 1;
  const cards = counts.filter((count) => count === 0).length;
  const shown = Math.min(frames, across * down);
  const dear = Math.min(cards, shown);
  return (frames > 1 ? 1 : 0) + 5 * dear + picture * (shown - dear) + tiles.reduce((sum, tile) => Math.max(sum, marks[tile]), 0);
}

const markElements = new WeakMap();

/** Elements of the marks that a cell with this tile alone has, by tile. */
function marksByTile(book) {
  if (!markElements.has(book)) {
    const marks = (tile) => 3 * (book.flags(tile).length > 0) + 3 * Boolean(book.fact(tile, 'reused'));
    markElements.set(book, Uint8Array.from({ length: book.count }, (_, tile) => marks(tile)));
  }
  return markElements.get(book);
}

/** The most elements of a caption in a list: itself, and where its words may break. */
function captionElements(book) {
  const breaks = book.axes.map(({ labels }) => Math.max(0, ...labels.map((label) => breakable(label).length)));
  return 1 + breaks.reduce((sum, nodes) => sum + (nodes >> 1), 0);
}
