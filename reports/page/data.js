// ---- data: the page's JSON as a book that answers questions about tiles
//
// Names and labels are data: they are looked up in Maps and arrays, never as an object's properties.

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const STATES = ['made', 'refused', 'failed', 'unknown', 'pending'];

/**
 * @typedef {object} Axis
 * @property {string} name
 * @property {string} title what people read; the name where the file gives none
 * @property {string} description
 * @property {string[]} labels by digit; labels[0] stands for "does not apply"
 * @property {string[]} descriptions by digit
 * @property {Uint32Array} digits by tile: 0 where the axis does not apply, else the point's position plus 1
 * @property {boolean} partial whether some tile lies outside this axis
 *
 * @typedef {object} Picture
 * @property {string} file its path in the run folder
 * @property {string} original address of the picture, relative to this page; that of its small copy in a page without it
 * @property {string} thumbnail address of its small copy, at most 256 pixels on the longer side
 * @property {boolean} small whether the small copy is all that the page has
 * @property {number} width
 * @property {number} height
 * @property {number} size bytes
 */

/** Unpacks integers: a plain list, or runs of (step, count). See columns.py. */
function unpack(series) {
  if (Array.isArray(series)) return Int32Array.from(series);
  const { runs } = series;
  let length = 0;
  for (let at = 1; at < runs.length; at += 2) length += runs[at];
  const numbers = new Int32Array(length);
  let place = 0;
  let value = 0;
  for (let at = 0; at < runs.length; at += 2) {
    for (let left = runs[at + 1]; left; left -= 1) numbers[place++] = value += runs[at];
  }
  return numbers;
}

/** A function from a tile to a field's value. See columns.py for the four forms. */
function openField(field, axes) {
  const { values } = field;
  if ('each' in field) return (tile) => field.each[tile];
  if ('axis' in field) {
    const { digits } = axes[field.axis];
    return (tile) => values[field.by[digits[tile]]];
  }
  if ('at' in field) {
    const at = unpack(field.at);
    return (tile) => values[at[tile]];
  }
  return () => values[0];
}

/** Records of tiles: `get(tile, name)` for a value that it `has`, `entries(tile)` for all, sorted by name. */
function openRecords(records, axes) {
  const shape = unpack(records.shape);
  const fields = new Map(records.fields.map(([name, field]) => [name, openField(field, axes)]));
  return {
    names: [...fields.keys()],
    has: (tile, name) => records.shapes[shape[tile]].includes(name),
    get: (tile, name) => fields.get(name)(tile),
    entries: (tile) => records.shapes[shape[tile]].map((name) => [name, fields.get(name)(tile)]),
  };
}

/** A function from a place to the hex digits of the digest there. */
function openBlob(text, size) {
  const raw = atob(text);
  return (place) => {
    let digits = '';
    for (let at = place * size; at < (place + 1) * size; at += 1) digits += HEX[raw.charCodeAt(at)];
    return digits;
  };
}

function openAxis(axis, digits) {
  return {
    name: axis.name,
    title: axis.title || axis.name,
    description: axis.description,
    labels: ['—', ...axis.points.map(([label]) => label)],
    descriptions: ['does not apply', ...axis.points.map(([, description = '']) => description)],
    digits,
    partial: digits.includes(0),
  };
}

/**
 * @param {object} table
 * @param {[string, string][]|null} inside the small copies and the files of the pictures, where they lie inside the page
 * @returns {(place: number) => Picture}
 */
function openPictures(table, inside) {
  const sha256 = openBlob(table.sha256, 32);
  const [width, height, size, format] = [table.width, table.height, table.size, table.format].map(unpack);
  return (place) => {
    const digest = sha256(place);
    const file = `images/${digest.slice(0, 2)}/${digest}.${table.formats[format[place]]}`;
    const [thumbnail, original] = inside?.[place] ?? [`../thumbnails/${digest.slice(0, 2)}/${digest}.webp`, `../${file}`];
    return {
      file,
      original: original || thumbnail,
      thumbnail,
      small: original === '',
      width: width[place],
      height: height[place],
      size: size[place],
    };
  };
}

/** Where each tile's pictures start in the list of all; one entry more than there are tiles. */
function startsOf(counts) {
  const starts = new Uint32Array(counts.length + 1);
  counts.forEach((count, tile) => {
    starts[tile + 1] = starts[tile] + count;
  });
  return starts;
}

/** Width and height of each tile's first picture as shares of its longer side; 0 where there is no picture. */
function aspectsOf(data, starts, frames) {
  const [widths, heights] = [unpack(data.pictures.width), unpack(data.pictures.height)];
  const aspects = [new Float32Array(data.count), new Float32Array(data.count)];
  for (let tile = 0; tile < data.count; tile += 1) {
    if (starts[tile] === starts[tile + 1]) continue;
    const picture = frames[starts[tile]];
    const longer = Math.max(widths[picture], heights[picture]);
    aspects[0][tile] = widths[picture] / longer;
    aspects[1][tile] = heights[picture] / longer;
  }
  return aspects;
}

/** Reads the page's data. */
function openBook(data) {
  if (data.format !== 1) throw new Error(`the page's data has format ${data.format}; this script reads format 1`);
  const axes = data.axes.map((axis, place) => openAxis(axis, unpack(data.digits[place])));
  const facts = openRecords(data.facts, axes);
  const starts = startsOf(unpack(data.frames.counts));
  const frames = unpack(data.frames.pictures);
  const picture = openPictures(data.pictures, data.inside);
  const book = {
    axes,
    name: data.name,
    heading: data.heading,
    count: data.count,
    endpoint: data.endpoint,
    /** Where the requests went, without secrets. */
    target: data.target,
    /** What wrote this page, with its version. */
    tool: data.tool,
    /** Digest of the plan, under which ratings are kept; empty keeps none. */
    plan: data.plan,
    /** What people said before this page was written. */
    ratings: data.ratings,
    /** Name of the variable that holds the key, empty where there is none. */
    key: data.key,
    layout: data.layout,
    /** Names and types of the table's columns, see runner/table. @type {[string, string][]} */
    columns: data.columns,
    /** Whether the pictures lie inside the page, so that it may be anywhere. */
    single: data.inside !== null,
    baseline: new Map(data.baseline),
    shares: data.shares,
    states: Uint8Array.from({ length: data.count }, (_, tile) => STATES.indexOf(facts.get(tile, 'state'))),
    fact: facts.get,
    /** What is odd about a tile's pictures, in words. @type {(tile: number) => string[]} */
    flags: (tile) => (facts.has(tile, 'flags') ? facts.get(tile, 'flags') : []),
    request: openRecords(data.request, axes),
    answer: openRecords(data.answer, axes),
    digest: openBlob(data.digests.base64, data.digests.bytes),
    aspects: aspectsOf(data, starts, frames),
    /** Number of pictures of a tile. */
    pictureCount: (tile) => starts[tile + 1] - starts[tile],
    /** The place of a tile's picture among all frames of the book, -1 where the book was written without it. */
    frame: (tile, position) => (position < starts[tile + 1] - starts[tile] ? starts[tile] + position : -1),
    /** What is measured of each frame, and what is found in it; see report/numbers.py. */
    measures: data.measures,
    findings: data.findings,
    /** A tile's picture by its position in the answer. */
    picture: (tile, position) => picture(frames[starts[tile] + position]),
    /** What a tile is called: "scheduler DDIM, guidance_scale 7.5". */
    title: (tile) =>
      axes
        .filter((axis) => axis.digits[tile])
        .map((axis) => `${axis.title} ${visible(axis.labels[axis.digits[tile]])}`)
        .join(', '),
  };
  return { ...book, determines: remember(book, findDependence) };
}

/** Whether each value of axis `a` occurs with one value of axis `b` alone, as axes in lockstep do. */
function findDependence({ axes, count }, a, b) {
  const seen = new Map();
  const [from, to] = [axes[a].digits, axes[b].digits];
  for (let tile = 0; tile < count; tile += 1) {
    const known = seen.get(from[tile]);
    if (known === undefined) seen.set(from[tile], to[tile]);
    else if (known !== to[tile]) return false;
  }
  return true;
}

function remember(book, question) {
  const answers = new Map();
  return (a, b) => {
    const key = a * book.axes.length + b;
    if (!answers.has(key)) answers.set(key, question(book, a, b));
    return answers.get(key);
  };
}
