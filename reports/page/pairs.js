// ---- pairs: which two cells are compared next

const MOST_FIGHTERS = 400;

/** A source of numbers from 0 to before 1 that a seed decides: Tommy Ettinger's mulberry32. */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Tiles in view that have a picture. */
function* fightersIn(book, { arrangement, view }) {
  for (const tiles of arrangement.cells.values()) {
    for (const tile of tiles) if (book.pictureCount(tile) && passes(book, view, tile)) yield tile;
  }
}

/** Whether two different pictures are in view. */
function hasRivals(book, scene) {
  let first = null;
  for (const tile of fightersIn(book, scene)) {
    const { original } = book.picture(tile, 0);
    first ??= original;
    if (original !== first) return true;
  }
  return false;
}

/** Cells in view that have a picture, each picture once; a sample where there are too many to rank. */
function fightersOf(book, scene, random) {
  const byPicture = new Map();
  for (const tile of fightersIn(book, scene)) byPicture.set(book.picture(tile, 0).original, book.digest(tile));
  const cells = [...byPicture.values()].sort(compare);
  for (let place = cells.length - 1; place > 0; place -= 1) {
    const other = Math.floor(random() * (place + 1));
    [cells[place], cells[other]] = [cells[other], cells[place]];
  }
  return cells.slice(0, MOST_FIGHTERS);
}

/** By cell the others that it can meet: all, or those that differ from it in one axis alone. @returns {Map<string, string[]>} */
function rivalsOf(book, fighters, axis) {
  if (axis === NOWHERE) return new Map(fighters.map((cell) => [cell, fighters.filter((other) => other !== cell)]));
  const left = new Map([axis, ...companions(book, axis)].map((other) => [other, '']));
  const groups = Map.groupBy(fighters, (cell) => comboOf(book, tileOf(book, cell), left));
  return new Map(fighters.map((cell) => {
    const group = groups.get(comboOf(book, tileOf(book, cell), left));
    return [cell, group.filter((other) => other !== cell)];
  }));
}

/** Two cells about which a comparison tells most: seldom compared, and alike in strength; in a random order. */
function leastSure(rivals, duels, before, random) {
  const told = duels.map(({ left, right, better }) => [left, right, SHARES[better]]);
  const known = new Map(rankNames(told, { intervals: false }).map((item) => [item.name, item]));
  const count = (cell) => known.get(cell)?.duels ?? 0;
  const strength = (cell) => known.get(cell)?.strength ?? 0;
  const able = [...rivals.keys()].filter((cell) => rivals.get(cell).length);
  if (!able.length) return null;
  const first = able.reduce((least, cell) => (count(cell) < count(least) ? cell : least));
  const met = new Map();
  for (const { left, right } of duels) {
    const other = left === first ? right : right === first ? left : null;
    if (other !== null) met.set(other, (met.get(other) ?? 0) + 1);
  }
  const cost = (cell) => Math.abs(strength(cell) - strength(first)) + 0.2 * count(cell) + 3 * (met.get(cell) ?? 0);
  const others = rivals.get(first);
  const again = (cell) => before?.includes(first) && before.includes(cell);
  const fresh = others.some((cell) => !again(cell)) ? others.filter((cell) => !again(cell)) : others;
  const second = fresh.reduce((best, cell) => (cost(cell) < cost(best) ? cell : best));
  return random() < 0.5 ? [first, second] : [second, first];
}

/** Two cells at random. */
function atRandom(rivals, random) {
  const drawn = (list) => list[Math.floor(random() * list.length)];
  const able = [...rivals.keys()].filter((cell) => rivals.get(cell).length);
  if (!able.length) return null;
  const first = drawn(able);
  return [first, drawn(rivals.get(first))];
}
