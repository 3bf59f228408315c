// ---- table: the cells of a view as CSV, as `sweep export --format csv` writes it
//
// The columns, their order and their spelling are those of runner/table; what a spreadsheet would take for a formula is
// quoted. What was measured has the 16 bits that the page holds, a cell the digits of its digest that the page holds.

const FORMULA_STARTS = ['=', '+', '-', '@', '\t', '\n', '＝', '＋', '－', '＠'];

/** What the table says of a frame besides axes, parameters and what is measured. */
const RECORD = {
  cell: (book, { tile }) => book.digest(tile),
  outcome: (book, { tile }) => STATES[book.states[tile]],
  reason: (book, { tile }) => book.fact(tile, 'reason') || null,
  attempts: (book, { tile }) => book.fact(tile, 'attempts'),
  reused_from: (book, { tile }) => book.fact(tile, 'reused') || null,
  sample: (book, { position }) => (position < 0 ? null : position),
  image: ofPicture(({ file }) => file),
  thumbnail: ofPicture(({ file }) => file.replace(/^images(.*)\.[a-z]+$/, 'thumbnails$1.webp')),
  sha256: ofPicture(digestOf),
  seconds: (book, { tile }) => (book.fact(tile, 'milliseconds') === null ? null : book.fact(tile, 'milliseconds') / 1000),
  flags: (book, { tile, position }) => (position < 0 ? null : book.flags(tile).join('; ') || null),
};

function ofPicture(tell) {
  return (book, { tile, position }) => (position < 0 ? null : tell(book.picture(tile, position)));
}

/** The whole digest of a picture's file. */
function digestOf({ file }) {
  return /[0-9a-f]{64}/.exec(file)[0];
}

/** The table of some frames, a row each. @param {Frame[]} frames @returns {string} */
function csvOf(book, ratings, frames) {
  const scores = scoresOf(ratings);
  const measured = new Map(measuredColumns(book).map((column) => [column.name, column]));
  const columns = book.columns.map(([name, type]) => ({ type, read: tableReader(book, scores, measured, name) }));
  const lines = frames.map((frame) => columns.map(({ type, read }) => csvField(read(frame), type)).join(','));
  return [book.columns.map(([name]) => csvText(name)).join(','), ...lines, ''].join('\n');
}

/** A function from a frame to a column's value; null where it has none. */
function tableReader(book, scores, measured, name) {
  if (Object.hasOwn(RECORD, name)) return (frame) => RECORD[name](book, frame);
  if (Object.hasOwn(JUDGED, name)) return ({ tile }) => JUDGED[name](scores.get(book.digest(tile)));
  const asked = (tile) => (book.request.has(tile, name) ? book.request.get(tile, name) : null);
  if (name === 'seed') return ({ tile, position }) => asked(tile) ?? (position < 0 ? null : book.fact(tile, 'seed'));
  const axis = book.axes.find((one) => one.name === name || `axis.${one.name}` === name);
  if (axis && !book.request.names.includes(name)) return ({ tile }) => (axis.digits[tile] ? axis.labels[axis.digits[tile]] : null);
  const column = measured.get(name);
  return column ? ({ tile, position }) => shorter(column.of(tile, position)) : ({ tile }) => asked(tile);
}

/** A number without the digits that 16 bits do not hold. */
function shorter(value) {
  return Number(value.toPrecision(9));
}

// -- what people said

/** What people together say of a cell, by column. */
const JUDGED = {
  stars: (score) => score?.stars,
  rejected: (score) => score?.rejected,
  notes: (score) => score?.notes || null,
  preference: (score) => score?.strength?.strength,
  preference_low: (score) => score?.strength?.low,
  preference_high: (score) => score?.strength?.high,
};

/** What people say of each cell that somebody has judged, as runner/ratings/scores.py counts it. */
function scoresOf(ratings) {
  const marks = Map.groupBy(ratings.marks().sort((a, b) => compare(a.rater, b.rater)), ({ cell }) => cell);
  const told = ratings.duels().filter(({ left, right }) => left !== right);
  const strengths = new Map(rankNames(told.map(({ left, right, better }) => [left, right, SHARES[better]])).map((one) => [one.name, one]));
  const cells = new Set([...marks.keys(), ...strengths.keys()]);
  return new Map([...cells].map((cell) => [cell, scoreOf(marks.get(cell) ?? [], strengths.get(cell))]));
}

function scoreOf(marks, strength) {
  return {
    stars: meanOf(marks.map(({ stars }) => stars || NaN)),
    rejected: marks.filter(({ rejected }) => rejected).length,
    notes: marks.map(({ note }) => note).filter(Boolean).join('\n'),
    strength,
  };
}

// -- spelling

/** A value as pandas writes one of its type. */
function csvField(value, type) {
  if (value === null || value === undefined || Number.isNaN(value)) return '';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value !== 'number') return csvText(typeof value === 'object' ? JSON.stringify(value) : value);
  return type === 'Float64' ? spelledReal(value) : String(type === 'Int64' ? Math.round(value) : value);
}

/** A number as Python spells a float: 7.0, 1e-05. */
function spelledReal(value) {
  const [digits, exponent] = value.toExponential().split('e');
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** A text as a field that is no formula and no row of its own. */
function csvText(text) {
  const plain = text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
  const safe = FORMULA_STARTS.some((start) => plain.startsWith(start)) ? `'${plain}` : plain;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
