// ---- parcel: pictures with readable names, each cell's request beside them and their table, as one ZIP
//
// Names are those of runner/bundle.py. Where the page holds a picture's file, the file is taken as it is; over http it sees
// pixels alone, and writes them as a PNG anew.

const PARCEL = { pictures: 20_000, bytes: 2_000_000_000 }; // more than a browser should hold, and a ZIP can say
const LONGEST_LABEL = 32;
const LONGEST_NAME = 120;

/** What a picture's file is called, without its ending: its points, and then what makes the name unique. */
function pictureName(book, tile, position) {
  const points = book.axes.filter(({ digits }) => digits[tile]).map(({ name, labels, digits }) => {
    const label = plainName(labels[digits[tile]]);
    return /^[\p{Nd}.+-]*$/u.test(label) ? `${plainName(name)}=${label}` : label;
  });
  const named = [...points.join('_')].slice(0, LONGEST_NAME).join('').replace(/[. ]+$/, '');
  return `pictures/${named || 'picture'}-${book.digest(tile).slice(0, 10)}${position ? `.${position + 1}` : ''}`;
}

/** What a file system takes of a text. */
function plainName(text) {
  const plain = text.normalize('NFC').replace(/[^\p{L}\p{N}_.+-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '');
  return [...plain].slice(0, LONGEST_LABEL).join('');
}

/** The frames with a picture, those of each cell once and in the order of the plan. @param {Frame[]} frames */
function parcelFrames(book, frames) {
  const cells = new Map();
  const seen = new Set();
  return frames
    .filter(({ position }) => position >= 0)
    .toSorted((a, b) => a.tile - b.tile || a.position - b.position)
    .filter(({ tile, position }) => {
      const cell = book.digest(tile);
      if (!cells.has(cell)) cells.set(cell, tile);
      const key = `${cell}.${position}`;
      return cells.get(cell) === tile && !seen.has(key) && seen.add(key);
    });
}

/** What keeps frames from being put into one ZIP, or nothing. */
function parcelProblem(book, frames) {
  const size = frames.reduce((sum, { tile, position }) => sum + book.picture(tile, position).size, 0);
  if (frames.length <= PARCEL.pictures && size <= PARCEL.bytes) return '';
  return `${counted(frames.length)} pictures of ${bytes(size)} are more than the ${counted(PARCEL.pictures)} pictures and ${bytes(PARCEL.bytes)} `
    + 'that a page puts into one ZIP; show fewer cells, or use the command.';
}

/**
 * Puts frames into a ZIP.
 * @param {object} book
 * @param {object} ratings
 * @param {Frame[]} frames from `parcelFrames`
 * @param {(done: number) => void} tell called after each picture
 * @param {AbortSignal} signal ends the work
 * @returns {Promise<Blob>}
 */
async function packParcel(book, ratings, frames, tell, signal) {
  const archive = createArchive();
  if (book.columns.length) await archive.add('table.csv', new Blob([csvOf(book, ratings, frames)]));
  const written = new Map();
  for (const [place, { tile, position }] of frames.entries()) {
    signal.throwIfAborted();
    const picture = book.picture(tile, position);
    const { content, ending, anew } = await pictureContent(picture);
    const file = `${pictureName(book, tile, position)}.${ending}`;
    await archive.add(file, content);
    const told = { file: file.replace('pictures/', ''), sha256: digestOf(picture), written_anew: anew };
    written.set(tile, [...(written.get(tile) ?? []), told]);
    tell(place + 1);
  }
  for (const [tile, pictures] of written) {
    await archive.add(`${pictureName(book, tile, 0)}.json`, new Blob([requestJson(book, tile, pictures)]));
  }
  return archive.close();
}

/** What a cell is and was asked, and which files are its pictures; `sha256` is that of the run's own file. */
function requestJson(book, tile, pictures) {
  const coordinates = book.axes.filter(({ digits }) => digits[tile]).map(({ name, labels, digits }) => [name, labels[digits[tile]]]);
  return JSON.stringify({
    cell: book.digest(tile),
    coordinates: Object.fromEntries(coordinates),
    request: { endpoint: book.fact(tile, 'endpoint'), parameters: Object.fromEntries(book.request.entries(tile)) },
    answer: Object.fromEntries(book.answer.entries(tile)),
    seed: book.fact(tile, 'seed'),
    pictures,
  }, null, 1);
}

/** A picture's file, or its pixels as a PNG. @returns {Promise<{content: Blob, ending: string, anew: boolean}>} */
async function pictureContent(picture) {
  const held = heldFile(picture.original);
  if (held) return { content: held, ending: picture.small ? 'webp' : picture.file.split('.').at(-1), anew: picture.small };
  const canvas = make('canvas', { width: picture.width, height: picture.height });
  canvas.getContext('2d').drawImage(await openOrSay(picture), 0, 0, picture.width, picture.height);
  return { content: await canvasPng(canvas), ending: 'png', anew: true };
}

async function openOrSay(picture) {
  if (!canRead(picture.original)) throw new Error(`${picture.file} is not in the folder that this page may read`);
  try {
    return await openPicture(picture.original);
  } catch {
    throw new Error(`${picture.file} is missing or broken: it is not in the run folder as it was made`);
  }
}

/** @returns {Promise<Blob>} */
async function canvasPng(canvas) {
  const png = await new Promise((done) => { canvas.toBlob(done, 'image/png'); });
  if (!png) throw new Error('this browser has no room for such a picture; choose a smaller size');
  return png;
}
