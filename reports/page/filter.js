// ---- filter: cells by an expression, in the language of `sweep run --only`
//
// Terms are joined by commas and must all hold, values of one term by `|`: scheduler=DDIMScheduler|LCMScheduler, sharpness>900

const TERM = /^\s*(?<name>[^<>=!\s]+)\s*(?<sign><=|>=|!=|=|<|>)\s*(?<value>.*?)\s*$/su;
const BOUNDS = {
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
};
const MOST_KNOWN = 16;
const MOST_LETTERS = 32; // of one of them: a prompt is a value too

const filters = new WeakMap();

/**
 * What an expression means, remembered by its text.
 * @returns {{problem: string, mask: Uint8Array|null, count: number}} an expression with a problem lets every cell through
 */
function filterOf(book, text) {
  if (!filters.has(book)) filters.set(book, new Map());
  const known = filters.get(book);
  if (!known.has(text)) known.set(text, openFilter(book, text));
  return known.get(text);
}

function admits(book, text, tile) {
  const { mask } = filterOf(book, text);
  return !mask || mask[tile] === 1;
}

/** Whether anything keeps a cell from being shown. */
function filtering(book, view) {
  return view.show.size > 0 || (view.only !== '' && filterOf(book, view.only).mask !== null);
}

function openFilter(book, text) {
  const tests = [];
  let at = 0;
  for (const term of text.split(',')) {
    if (term.trim()) {
      const { problem, holds } = openTerm(book, term, tests);
      const place = at + term.length - term.trimStart().length + 1;
      if (problem) return { problem: `At ${place}: ${problem}`, mask: null, count: book.count };
      tests.push({ name: TERM.exec(term).groups.name, sign: TERM.exec(term).groups.sign, holds });
    }
    at += term.length + 1;
  }
  const mask = Uint8Array.from({ length: book.count }, (_, tile) => Number(tests.every(({ holds }) => holds(tile))));
  return { problem: '', mask, count: mask.reduce((sum, one) => sum + one, 0) };
}

function openTerm(book, text, before) {
  const term = TERM.exec(text)?.groups;
  if (!term) return { problem: `“${text.trim()}” is no term; write name=value or name>number, joined by commas` };
  const read = reader(book, term.name);
  if (!read) return { problem: `“${term.name}” is no axis, no parameter and no number${suggestion(term.name, knownNames(book))}` };
  if (Object.hasOwn(BOUNDS, term.sign)) {
    const bound = term.value === '' ? NaN : Number(term.value);
    if (Number.isNaN(bound)) return { problem: `“${term.value}” is no number; ${term.sign} compares numbers` };
    const holds = (tile) => read(tile).some((value) => typeof value === 'number' && BOUNDS[term.sign](value, bound));
    return { holds };
  }
  if (term.sign === '=' && before.some(({ name, sign }) => name === term.name && sign === '=')) {
    return { problem: `“${term.name}=” stands there twice; write all values in one: ${term.name}=1|2` };
  }
  return openChoice(book, term, read);
}

function openChoice(book, { name, sign, value }, read) {
  const words = value.split('|').map((word) => word.trim());
  const tiles = Array.from({ length: book.count }, (_, tile) => tile);
  const absent = words.find((word) => !tiles.some((tile) => read(tile).some((one) => spells(word, one))));
  if (absent !== undefined) {
    const axis = book.axes.find((one) => one.name === name);
    return { problem: `no cell has ${name}=${absent}${axis ? suggestion(absent, axis.labels.slice(1)) : ''}` };
  }
  const among = (tile) => read(tile).some((one) => words.some((word) => spells(word, one)));
  return { holds: sign === '=' ? among : (tile) => !among(tile) };
}

/** A function from a tile to what a name stands for there: a parameter's value, the label of a point, a number. */
function reader(book, name) {
  const axis = book.axes.find((one) => one.name === name);
  const asked = book.request.names.includes(name);
  if (axis || asked) {
    return (tile) => [
      ...(asked && book.request.has(tile, name) ? [book.request.get(tile, name)] : []),
      ...(axis && axis.digits[tile] ? [axis.labels[axis.digits[tile]]] : []),
    ];
  }
  const column = numericColumns(book).get(name);
  return column ? (tile) => [valuesOf(book, column)[tile]] : null;
}

/** Whether a word is how a value is written. */
function spells(word, value) {
  if (typeof value === 'number') return word !== '' && Number(word) === value;
  if (typeof value === 'boolean') return word.toLowerCase() === (value ? 'true' : 'false');
  if (value === null) return word === 'null';
  return word === (typeof value === 'string' ? value : JSON.stringify(value));
}

function knownNames(book) {
  return [...new Set([...book.axes.map(({ name }) => name), ...numericColumns(book).keys(), ...book.request.names])];
}

/** The known word that comes closest, or those there are. */
function suggestion(word, known) {
  const near = [...known].sort((a, b) => apartness(word, a) - apartness(word, b))[0];
  if (near !== undefined && apartness(word, near) <= Math.max(2, word.length / 3)) return `; did you mean “${near}”?`;
  const more = known.length > MOST_KNOWN ? ' …' : '';
  return `; known are ${known.slice(0, MOST_KNOWN).map(brief).join(', ')}${more}`;
}

/** A word's beginning, where it is long. */
function brief(word) {
  return word.length > MOST_LETTERS ? `${word.slice(0, MOST_LETTERS - 1).trimEnd()}…` : word;
}

/** How many letters differ (Levenshtein), capitals aside. */
function apartness(one, other) {
  const [a, b] = [one.toLowerCase().slice(0, 64), other.toLowerCase().slice(0, 64)];
  let row = Array.from({ length: b.length + 1 }, (_, place) => place);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}
