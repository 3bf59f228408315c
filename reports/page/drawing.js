// ---- drawing: one page of a contact sheet on a canvas
//
// A sheet is on white in every theme, as those of `sweep sheet` are.

const SHEET_INK = { paper: '#ffffff', ink: '#1c1c1a', soft: '#63635f', card: '#f1f1ef' };
const SHEET_FRAME = 4; // pixels of a frame in the colour of a number
const CARD_LETTERS = 13;
const AMPLIFIED = 3; // times that a difference to the baseline is amplified, as on the page

/** Whether the pictures of a frame can be drawn on a canvas that is read afterwards. */
function isReadable(book, { tile, position }) {
  const { original, thumbnail } = book.picture(tile, position);
  return canRead(thumbnail) || canRead(original);
}

/**
 * Draws a page.
 * @param {object} book
 * @param {object} scene
 * @param {Sheet} sheet
 * @param {object} page one of `paginate`
 * @param {string} ending what follows the title, such as "(2 of 3)"
 * @param {AbortSignal} signal ends the work
 * @returns {Promise<HTMLCanvasElement>}
 */
async function drawSheet(book, scene, sheet, page, ending, signal) {
  const canvas = make('canvas', { width: page.width, height: page.height });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  Object.assign(context, { fillStyle: SHEET_INK.paper, imageSmoothingQuality: 'high' });
  context.fillRect(0, 0, page.width, page.height);
  drawHeading(context, book, sheet, page, ending);
  drawColumnLabels(context, book, scene.view, sheet, page);
  drawRowLabels(context, book, scene.view, sheet, page);
  for (const [place, row] of page.down.places.entries()) {
    signal.throwIfAborted();
    const box = (column) => ({
      left: SHEET.margin + sheet.stub + page.across.starts[column],
      top: SHEET.margin + sheet.head + page.down.starts[place],
      width: page.across.extents[column],
      height: page.down.extents[place] - sheet.below,
    });
    await Promise.all(page.across.places.map((column, at) => drawSheetCell(context, book, scene, sheet, shownTiles(book, scene, row, column), box(at))));
  }
  return canvas;
}

/** What stands in a cell and the filter lets through. */
function shownTiles(book, { arrangement, view }, row, column) {
  return tilesAt(arrangement, row, column).filter((tile) => passes(book, view, tile));
}

function drawHeading(context, book, { title, said, large, small, paint }, { width }, ending) {
  const { margin } = SHEET;
  const lines = brokenLines(`${title} ${ending}`, large, width - 2 * margin, TITLE_LINES);
  putLines(context, lines, large, [margin, margin], SHEET_INK.ink);
  let top = margin + lines.length * large.leading;
  for (const words of said) {
    putLines(context, brokenLines(words, small, width - 2 * margin, 1), small, [margin, top], SHEET_INK.soft);
    top += small.leading;
  }
  if (paint) drawLegend(context, book, paint, small, [margin, top], width - 2 * margin);
}

/** What the colours mean: a bar between the least and the most. */
function drawLegend(context, book, column, type, [left, top], room) {
  const scale = paintScale(book, column);
  const [least, most] = [scale.least, scale.most].map((value) => numberText(column, value));
  const words = `${most}${withUnit(column)}${scale.log ? ', log scale' : ''}, n = ${counted(scale.n)}`;
  const before = `${column.title}  ${least} `;
  const bar = { left: left + Math.ceil(type.width(before)), width: 110, height: 11 };
  putLines(context, [before], type, [left, top], SHEET_INK.soft);
  const colours = context.createLinearGradient(bar.left, 0, bar.left + bar.width, 0);
  CIVIDIS.forEach((_, place) => colours.addColorStop(place / (CIVIDIS.length - 1), cividis(1 - place / (CIVIDIS.length - 1))));
  context.fillStyle = colours;
  context.fillRect(bar.left, top + (type.leading - bar.height) / 2, bar.width, bar.height);
  const end = bar.left + bar.width + 6;
  putLines(context, brokenLines(words, type, left + room - end, 1), type, [end, top], SHEET_INK.soft);
}

function drawColumnLabels(context, book, view, { stub, head, small, wrapped }, { across }) {
  const left = SHEET.margin + stub;
  const bottom = SHEET.margin + head - SHEET.gap;
  if (view.x !== NOWHERE) {
    across.lanes.forEach(({ inner }, at) => {
      const words = columnLabel(book, view, inner, across.extents[at], small);
      const middle = left + across.starts[at] + across.extents[at] / 2;
      putLines(context, words, small, [middle, bottom - words.length * small.leading], SHEET_INK.ink, 'center');
    });
  }
  let above = bottom - wrapped * small.leading;
  if (view.columns !== NOWHERE) {
    above -= small.leading;
    for (const { first, end } of blockGroups(across)) {
      const room = across.starts[end] + across.extents[end] - across.starts[first];
      const words = brokenLines(sheetLabel(book, view.columns, across.lanes[first].outer), small, room, 1);
      putLines(context, words, small, [left + across.starts[first], above], SHEET_INK.ink);
    }
  }
  const names = [view.columns, view.x].filter((axis) => axis !== NOWHERE).map((axis) => book.axes[axis].title);
  if (names.length) {
    const words = brokenLines(names.join(' / '), small, Math.max(across.total, 120), 1);
    putLines(context, words, small, [left, above - small.leading], SHEET_INK.soft);
  }
}

function drawRowLabels(context, book, view, { stub, head, small }, { down, width }) {
  const top = SHEET.margin + head;
  if (view.rows !== NOWHERE) {
    for (const { first } of blockGroups(down)) {
      const label = `${book.axes[view.rows].title} ${sheetLabel(book, view.rows, down.lanes[first].outer)}`;
      const at = top + down.starts[first] - small.leading - SHEET.gap / 2;
      putLines(context, brokenLines(label, small, width - 2 * SHEET.margin, 1), small, [SHEET.margin, at], SHEET_INK.ink);
    }
  }
  if (view.y === NOWHERE) return;
  const name = brokenLines(book.axes[view.y].title, small, stub - 8, 1);
  putLines(context, name, small, [SHEET.margin, top - SHEET.gap - small.leading], SHEET_INK.soft);
  down.lanes.forEach(({ inner }, at) => {
    const most = Math.max(1, Math.floor(down.extents[at] / small.leading));
    const words = brokenLines(sheetLabel(book, view.y, inner), small, stub - 12, most);
    const middle = top + down.starts[at] + (down.extents[at] - words.length * small.leading) / 2;
    putLines(context, words, small, [SHEET.margin, middle], SHEET_INK.ink);
  });
}

/** First and last place of each group in a block. */
function blockGroups({ lanes }) {
  const starts = groupStarts(lanes);
  return starts.slice(0, -1).map((first, place) => ({ first, end: starts[place + 1] - 1 }));
}

// -- cells

async function drawSheetCell(context, book, scene, sheet, tiles, box) {
  if (!tiles.length) return;
  const frames = framesOf(book, tiles).filter(({ position }) => position >= 0);
  if (frames.length) await drawFrames(context, book, scene.view, frames, box);
  else drawStateCard(context, book, tiles, box);
  if (sheet.paint) drawNumber(context, book, scene.view, sheet.paint, tiles, box);
  if (sheet.below) drawCaption(context, captionOf(book, tiles[0]).textContent, sheet, box);
}

/** One picture, or a mosaic of several; of more than nine, eight and a count. */
async function drawFrames(context, book, view, frames, box) {
  const { across, down } = mosaicOf(frames.length, MOST_ACROSS);
  const shown = frames.length > across * down ? frames.slice(0, across * down - 1) : frames;
  const between = across === 1 ? 0 : 2;
  const slot = (place) => ({
    left: box.left + Math.floor(box.width / across) * (place % across),
    top: box.top + Math.floor(box.height / down) * Math.floor(place / across),
    width: Math.max(1, Math.floor(box.width / across) - between),
    height: Math.max(1, Math.floor(box.height / down) - between),
  });
  await Promise.all(shown.map((frame, place) => drawFrame(context, book, view, frame, slot(place))));
  if (shown.length < frames.length) drawCard(context, `+${counted(frames.length - shown.length)}`, slot(shown.length));
}

async function drawFrame(context, book, view, frame, box) {
  const picture = book.picture(frame.tile, frame.position);
  const scale = Math.min(box.width / picture.width, box.height / picture.height);
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const fitted = { left: box.left + Math.floor((box.width - width) / 2), top: box.top + Math.floor((box.height - height) / 2), width, height };
  const image = await readablePicture(picture, scale);
  if (!image) drawCard(context, 'file missing', fitted);
  else if (!view.versus) context.drawImage(image, fitted.left, fitted.top, width, height);
  else await drawSubtracted(context, book, frame, image, fitted, scale);
}

/** A picture from which that of its baseline is subtracted; pale where it has none. */
async function drawSubtracted(context, book, { tile }, image, { left, top, width, height }, scale) {
  const baseline = baselineFrame(book, tile);
  const other = baseline && await readablePicture(book.picture(baseline.tile, baseline.position), scale);
  if (!other) {
    context.globalAlpha = 0.35;
    context.drawImage(image, left, top, width, height);
    context.globalAlpha = 1;
    return;
  }
  const layer = make('canvas', { width, height });
  const pen = layer.getContext('2d');
  pen.drawImage(image, 0, 0, width, height);
  pen.globalCompositeOperation = 'difference';
  pen.drawImage(other, 0, 0, width, height);
  for (let time = 0; time < AMPLIFIED; time += 1) {
    context.globalCompositeOperation = time ? 'lighter' : 'source-over';
    context.drawImage(layer, left, top);
  }
  context.globalCompositeOperation = 'source-over';
}

/** A picture that may be read, from its small copy where that holds enough; null where there is none. */
async function readablePicture({ original, thumbnail, width, height }, scale) {
  const enough = scale <= Math.min(1, THUMBNAIL / Math.max(width, height));
  for (const address of enough ? [thumbnail, original] : [original, thumbnail]) {
    if (!canRead(address)) continue;
    try {
      return await openPicture(address);
    } catch {
      // the other copy may be whole
    }
  }
  return null;
}

/** Why there is no picture: of the first tile that was tried. */
function drawStateCard(context, book, tiles, box) {
  const tile = tiles.find((one) => STATES[book.states[one]] !== 'pending') ?? tiles[0];
  drawCard(context, [STATES[book.states[tile]], book.fact(tile, 'reason')].filter(Boolean).join(': '), box);
}

/** A grey box with a few words in it, as far as they fit. */
function drawCard(context, words, { left, top, width, height }) {
  context.fillStyle = SHEET_INK.card;
  context.fillRect(left, top, width, height);
  const type = letters(CARD_LETTERS);
  const most = Math.floor((height - 8) / type.leading);
  if (most < 1 || width < 3 * CARD_LETTERS) return;
  const lines = brokenLines(words, type, width - 12, most);
  putLines(context, lines, type, [left + width / 2, top + (height - lines.length * type.leading) / 2], SHEET_INK.soft, 'center');
}

/** A frame in the colour of a cell's number, and the number itself. */
function drawNumber(context, book, view, column, tiles, { left, top, width, height }) {
  const value = cellNumber(book, view, column, tiles);
  if (Number.isNaN(value)) return;
  const share = 1 - paintScale(book, column).share(value);
  const type = letters(12, 600);
  const words = numberText(column, value);
  const room = Math.ceil(type.width(words)) + 8;
  context.strokeStyle = cividis(share);
  context.lineWidth = SHEET_FRAME;
  context.strokeRect(left, top, width, height);
  if (room > width) return;
  context.fillStyle = cividis(share);
  context.fillRect(left + width - room, top + height - type.leading - 2, room, type.leading + 2);
  putLines(context, [words], type, [left + width - room + 4, top + height - type.leading - 1], share > 0.5 ? '#000' : '#fff');
}

function drawCaption(context, words, { caption: type, below }, { left, top, width, height }) {
  const lines = brokenLines(words, type, width, Math.floor(below / type.leading));
  putLines(context, lines, type, [left + width / 2, top + height + 2], SHEET_INK.soft, 'center');
}
