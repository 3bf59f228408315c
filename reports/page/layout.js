// ---- layout: which tile lies where, in lanes and in pixels; no elements here

const ZOOM = { least: 48, most: 512, step: 8 };

/**
 * A lane is one column or one row of the grid.
 * @typedef {object} Lane
 * @property {number} outer digit of the grouping axis; 0 where there is none or it does not apply
 * @property {number} inner digit of the axis itself
 * @property {number} share the largest extent that a picture has in this lane, as a share of its longer side
 *
 * @typedef {object} Arrangement
 * @property {Lane[]} columns
 * @property {Lane[]} rows
 * @property {Map<number, number[]>} cells tiles by row * columns.length + column
 * @property {number} matches tiles in view that the filter lets through
 */

/** The space between the grid and the edges of a window. */
function marginOf(width) {
  return width < 640 ? 14 : 28;
}

/** Puts the tiles that a view selects on a grid of lanes. A lane without any tile of the book that is not hidden is left out. */
function arrange(book, view, room) {
  if (isList(view)) return arrangeList(book, view, room.width);
  const columns = collectLanes(book, view, view.columns, view.x, 0);
  const rows = collectLanes(book, view, view.rows, view.y, 1);
  const chosen = selection(book, view);
  const every = { columns: columns.lanes, rows: rows.lanes };
  const kept = filtering(book, view) ? keepMatching(book, view, chosen, columns, rows) : every;
  kept.columns = orderLanes(book, view, 'columns', kept.columns, columns.keyOf, chosen);
  kept.rows = orderLanes(book, view, 'rows', kept.rows, rows.keyOf, chosen);
  const [columnAt, rowAt] = [lanePlaces(kept.columns), lanePlaces(kept.rows)];
  const cells = new Map();
  for (const tile of chosen) {
    const column = columnAt.get(columns.keyOf(tile));
    const row = rowAt.get(rows.keyOf(tile));
    if (column === undefined || row === undefined) continue;
    const key = row * kept.columns.length + column;
    const pile = cells.get(key);
    if (pile) pile.push(tile);
    else cells.set(key, [tile]);
  }
  return { ...kept, cells, matches: chosen.filter((tile) => passes(book, view, tile)).length };
}

/** The tiles in one box of the grid. */
function tilesAt(arrangement, row, column) {
  return arrangement.cells.get(row * arrangement.columns.length + column) ?? [];
}

/** Whether the filter lets a tile through. */
function passes(book, view, tile) {
  return (!view.show.size || view.show.has(book.states[tile])) && (!view.only || admits(book, view.only, tile));
}

/** Tiles at the held points, hidden ones left out; an axis held at a point has a tile stay to which it does not apply. */
function selection(book, view) {
  const tests = fixedAxes(book, view).map((axis) => [book.axes[axis].digits, view.held[axis]]);
  const shown = shownTest(book, view);
  const chosen = [];
  for (let tile = 0; tile < book.count; tile += 1) {
    if (shown(tile) && tests.every(([digits, digit]) => digits[tile] === digit || digits[tile] === 0)) chosen.push(tile);
  }
  return chosen;
}

/** Lanes that some tile lies in, in the reader's order of the points; `side` 0 asks for widths, 1 for heights. */
function collectLanes(book, view, outer, inner, side) {
  const digitsOf = (axis) => (axis === NOWHERE ? null : book.axes[axis].digits);
  const [outers, inners] = [digitsOf(outer), digitsOf(inner)];
  const base = inner === NOWHERE ? 1 : book.axes[inner].labels.length;
  const keyOf = (tile) => (outers ? outers[tile] : 0) * base + (inners ? inners[tile] : 0);
  const shown = shownTest(book, view);
  const shares = new Map();
  for (let tile = 0; tile < book.count; tile += 1) {
    if (!shown(tile)) continue;
    const key = keyOf(tile);
    const share = book.aspects[side][tile];
    if (!(shares.get(key) >= share)) shares.set(key, share);
  }
  const usual = Math.max(...shares.values()) || 1;
  const [outerPlaces, innerPlaces] = [outer, inner].map((axis) => pointPlaces(book, view, axis));
  const lanes = [...shares].map(([key, share]) => ({
    key,
    outer: Math.floor(key / base),
    inner: key % base,
    share: share || usual,
  }));
  lanes.sort((a, b) => outerPlaces[a.outer] - outerPlaces[b.outer] || innerPlaces[a.inner] - innerPlaces[b.inner]);
  return { lanes, keyOf };
}

function compare(a, b) {
  return a === b ? 0 : a < b ? -1 : 1;
}

function lanePlaces(lanes) {
  return new Map(lanes.map((lane, place) => [lane.key, place]));
}

/** Only the lanes in which the filter lets a tile through. */
function keepMatching(book, view, chosen, columns, rows) {
  const [columnKeys, rowKeys] = [new Set(), new Set()];
  for (const tile of chosen) {
    if (!passes(book, view, tile)) continue;
    columnKeys.add(columns.keyOf(tile));
    rowKeys.add(rows.keyOf(tile));
  }
  return {
    columns: columns.lanes.filter((lane) => columnKeys.has(lane.key)),
    rows: rows.lanes.filter((lane) => rowKeys.has(lane.key)),
  };
}

/** First lanes of the groups: where the outer digit changes. A trailing entry holds the number of lanes. */
function groupStarts(lanes) {
  const opens = (place) => !place || lanes[place].outer !== lanes[place - 1].outer;
  return [...lanes.keys()].filter(opens).concat(lanes.length);
}

/**
 * Lays lanes out one after the other.
 * @param {Lane[]} lanes
 * @param {(lane: Lane) => number} extent of one lane in pixels
 * @param {{gap: number, groupGap: number, band: number}} spaces between lanes, between groups, before each group
 * @returns {{starts: number[], extents: number[], total: number, groups: number[]}} groups: see groupStarts
 */
function layOut(lanes, extent, { gap, groupGap, band }) {
  const starts = [];
  const extents = lanes.map(extent);
  let at = 0;
  lanes.forEach((lane, place) => {
    const opens = !place || lane.outer !== lanes[place - 1].outer;
    if (place) at += opens ? groupGap : gap;
    if (opens) at += band;
    starts.push(at);
    at += extents[place];
  });
  return { starts, extents, total: at, groups: groupStarts(lanes) };
}

/** First and past-last lane that touch the pixels from `top` to `bottom`. */
function lanesWithin({ starts, extents }, top, bottom) {
  const first = countBelow(starts, (start, place) => start + extents[place] <= top);
  const last = countBelow(starts, (start) => start < bottom);
  return [first, Math.max(first, last)];
}

/** How many leading entries fulfil a condition that holds for a prefix; by bisection. */
function countBelow(entries, holds) {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(entries[middle], middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The picture size at which all columns fit the window, within what is good to look at; three of them fit a phone. */
function fittingZoom(columns, room, height) {
  const shares = columns.reduce((sum, lane) => sum + lane.share, 0) || 1;
  const groups = groupStarts(columns).length - 2;
  const free = room - 8 * (columns.length - 1) - 20 * Math.max(0, groups);
  const widest = Math.max(336, room / 6);
  const tallest = Math.max(120, 0.3 * height);
  const least = clamp((room - 16) / 3, 72, 88);
  return Math.floor(clamp(free / shares, least, Math.min(ZOOM.most, widest, tallest)));
}

/** Whether two scenes have the same lanes in the same places. */
function sameLanes(a, b) {
  const places = ({ rows, columns, stub, headHeights }) => String([rows.starts, rows.extents, columns.starts, columns.extents, stub, headHeights]);
  const keys = ({ rows, columns }) => String([...rows, ...columns].map(({ key }) => key));
  return places(a) === places(b) && keys(a.arrangement) === keys(b.arrangement);
}
