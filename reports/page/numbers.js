// ---- numbers: the numeric columns of a book, by name

const MISSING_STEP = 65535;

/**
 * @typedef {object} Column
 * @property {string} name as in the table
 * @property {string} title what people read
 * @property {string} unit what follows a number, or empty
 * @property {number} digits decimal places worth showing
 * @property {(tile: number, position: number) => number} of a picture's number, NaN where it is not known
 */

const columnsOf = new WeakMap();

/** @returns {Map<string, Column>} what is measured, how long it took, and the parameters that are numbers and differ */
function numericColumns(book) {
  if (!columnsOf.has(book)) {
    const found = [...measuredColumns(book), attemptsColumn(book), ...parameterColumns(book)];
    columnsOf.set(book, new Map(found.filter((column) => differs(book, column)).map((column) => [column.name, column])));
  }
  return columnsOf.get(book);
}

function measuredColumns(book) {
  const steps = new Map(book.measures.map(([name, least, step, text]) => [name, openSteps(least, step, text)]));
  const reads = {
    bytes: (tile, position) => (position < 0 ? NaN : book.picture(tile, position).size),
    seconds: (tile) => book.fact(tile, 'milliseconds') / 1000 || NaN,
  };
  return book.findings.columns.map(([name, title, unit, digits]) => {
    const read = steps.get(name);
    const of = read ? (tile, position) => (position < 0 ? NaN : read(book.frame(tile, position))) : reads[name];
    return { name, title, unit, digits, of };
  });
}

/** A function from a frame to its number: 16 bits each, see numbers.py. */
function openSteps(least, step, text) {
  const raw = atob(text);
  return (frame) => {
    if (frame < 0) return NaN;
    const steps = raw.charCodeAt(2 * frame) + 256 * raw.charCodeAt(2 * frame + 1);
    return steps === MISSING_STEP ? NaN : least + step * steps;
  };
}

function attemptsColumn(book) {
  return { name: 'attempts', title: 'attempts', unit: '', digits: 0, of: (tile) => book.fact(tile, 'attempts') };
}

function parameterColumns(book) {
  return book.request.names.filter((name) => name !== 'seed').map((name) => ({
    name,
    title: name,
    unit: '',
    digits: 3,
    of: (tile) => {
      const value = book.request.has(tile, name) ? book.request.get(tile, name) : null;
      return typeof value === 'number' ? value : NaN;
    },
  }));
}

function differs(book, column) {
  const values = valuesOf(book, column);
  const first = values.find((value) => !Number.isNaN(value));
  return first !== undefined && values.some((value) => !Number.isNaN(value) && value !== first);
}

/** A column's number for each tile, of several pictures their mean; NaN where none is known. */
function valuesOf(book, column) {
  column.values ??= Float64Array.from({ length: book.count }, (_, tile) => valueOf(book, column, tile));
  return column.values;
}

function valueOf(book, column, tile) {
  const count = book.pictureCount(tile);
  return count ? meanOf(Array.from({ length: count }, (_, position) => column.of(tile, position))) : column.of(tile, -1);
}

/** Takes in that a live page says something new of some tiles; what was measured of their earlier pictures is over. */
function renewNumbers(book, tiles) {
  for (const column of numericColumns(book).values()) {
    const values = valuesOf(book, column);
    for (const tile of tiles) values[tile] = valueOf(book, column, tile);
  }
  filters.delete(book);
  markElements.delete(book);
}

/** The mean of the numbers that are known, NaN where none is. */
function meanOf(numbers) {
  const known = numbers.filter((number) => !Number.isNaN(number));
  return known.length ? known.reduce((sum, number) => sum + number, 0) / known.length : NaN;
}

/** What a cell shows: the mean over those of its tiles that the filter lets through. */
function cellNumber(book, view, column, tiles) {
  const values = valuesOf(book, column);
  return meanOf(tiles.filter((tile) => passes(book, view, tile)).map((tile) => values[tile]));
}

const numberFormats = []; // by decimal places: making one takes longer than using it

/** A number as people read it: no more digits than mean something. */
function numberText({ digits }, value) {
  const size = Math.abs(value);
  const places = size >= 1000 ? 0 : size >= 100 ? Math.min(digits, 1) : digits;
  numberFormats[places] ??= new Intl.NumberFormat('en', { maximumFractionDigits: places });
  return numberFormats[places].format(value).replace(/^-/, '−');
}

function withUnit({ unit }) {
  return unit ? ` (${unit})` : '';
}
