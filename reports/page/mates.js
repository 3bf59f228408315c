// ---- mates: cells that agree in all axes but one

/** Where each combination of points lies; made when it is first asked for. */
const places = new WeakMap();

function placesOf(book) {
  if (!places.has(book)) {
    const found = new Map();
    for (let tile = book.count - 1; tile >= 0; tile -= 1) found.set(comboOf(book, tile), tile);
    places.set(book, found);
  }
  return places.get(book);
}

function comboOf(book, tile, changed = new Map()) {
  return book.axes.map(({ digits }, axis) => changed.get(axis) ?? digits[tile]).join(' ');
}

/** The first tile that differs from this one in some axes alone, -1 where there is none. */
function tileWith(book, tile, changed) {
  return placesOf(book).get(comboOf(book, tile, changed)) ?? -1;
}

/** What an axis's point brings with it: its own digit and those of the axes in lockstep with it. */
function pointOf(book, axis, digit) {
  const there = book.axes[axis].digits.indexOf(digit);
  const along = [axis, ...companions(book, axis)];
  return new Map(along.map((other) => [other, there < 0 ? digit : book.axes[other].digits[there]]));
}

/** Pairs of tiles with pictures that differ in an axis alone, from one of its points to another. */
function pairsAlong(book, axis, from, to) {
  const there = pointOf(book, axis, to);
  const pairs = [];
  for (let tile = 0; tile < book.count; tile += 1) {
    if (book.axes[axis].digits[tile] !== from || !book.pictureCount(tile)) continue;
    const mate = tileWith(book, tile, there);
    if (mate >= 0 && book.pictureCount(mate)) pairs.push([tile, mate]);
  }
  return pairs;
}

/** An axis's point that is the baseline's, 0 where the baseline names none that the axis has. */
function baselineDigit(book, axis) {
  const { name, labels } = book.axes[axis];
  return book.baseline.has(name) ? Math.max(0, labels.indexOf(book.baseline.get(name), 1)) : 0;
}

/** The first picture of the tile that differs from this one in the baseline's axes alone, if it has one. */
function baselineFrame(book, tile) {
  if (!book.baseline.size) return null;
  const points = book.axes.map((_, axis) => [axis, baselineDigit(book, axis)]);
  const found = tileWith(book, tile, new Map(points.filter(([, digit]) => digit)));
  return found >= 0 && book.pictureCount(found) ? { tile: found, position: 0 } : null;
}

/** The points in which some tiles agree: "guidance_scale 5, seed 7". */
function sharedTitle(book, tiles) {
  if (!tiles.length) return '';
  const agreed = book.axes.filter(({ digits, labels }) => labels.length > 2 && digits[tiles[0]]
    && tiles.every((tile) => digits[tile] === digits[tiles[0]]));
  return agreed.map((axis) => `${axis.title} ${visible(axis.labels[axis.digits[tiles[0]]])}`).join(', ');
}

/** What tells some frames apart: for each the points of the axes in which they differ, or its whole title. */
function apartTitles(book, frames) {
  const differing = book.axes.filter(({ digits }) => frames.some(({ tile }) => digits[tile] !== digits[frames[0].tile]));
  const several = frames.some(({ position }) => position > 0);
  return frames.map(({ tile, position }) => {
    const points = differing.map((axis) => `${axis.title} ${visible(axis.labels[axis.digits[tile]])}`);
    if (!points.length) points.push(book.title(tile));
    if (several) points.push(`picture ${position + 1}`);
    return points.join(', ');
  });
}
