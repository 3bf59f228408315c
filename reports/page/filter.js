// ---- filter: cells by an expression, in the language of `sweep run --only`: scheduler=DDIMScheduler|LCMScheduler, sharpness>900

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
  for (const term of termsOf(text)) {
    const { problem, holds } = openTerm(book, term, tests);
    if (problem) return { problem: `At ${term.place + 1}: ${problem}`, mask: null, count: book.count };
    tests.push({ ...term, holds });
  }
  const mask = Uint8Array.from({ length: book.count }, (_, tile) => Number(tests.every(({ holds }) => holds(tile))));
  return { problem: '', mask, count: mask.reduce((sum, one) => sum + one, 0) };
}

function openTerm(book, term, before) {
  const { name, sign, value, written } = term;
  if (!name) return { problem: `“${written}” is no term; write name=value or name>number, joined by commas` };
  const read = reader(book, name);
  if (!read) return { problem: `“${name}” is no axis, no parameter and no number${suggestion(name, knownNames(book))}` };
  if (Object.hasOwn(BOUNDS, sign)) {
    const bound = value === '' ? NaN : Number(value);
    if (Number.isNaN(bound)) return { problem: `“${value}” is no number; ${sign} compares numbers` };
    return { holds: (tile) => read(tile).some((one) => typeof one === 'number' && BOUNDS[sign](one, bound)) };
  }
  if (sign === '=' && before.some((other) => other.name === name && other.sign === '=')) {
    return { problem: `“${name}=” stands there twice; write all values in one: ${name}=1|2` };
  }
  return openChoice(book, term, read);
}

function openChoice(book, { name, sign, words }, read) {
  const tiles = Array.from({ length: book.count }, (_, tile) => tile);
  const occurs = (text) => tiles.some((tile) => read(tile).some((one) => spells(text, one)));
  const texts = words.map((word) => meant(word, occurs));
  const absent = texts.find((text) => !occurs(text));
  if (absent !== undefined) return { problem: `no cell has ${name}=${absent}${nearest(book, name, absent)}` };
  const among = (tile) => read(tile).some((one) => texts.some((text) => spells(text, one)));
  return { holds: sign === '=' ? among : (tile) => !among(tile) };
}

/** What a word means: quotes that its value does not need are its own where a cell has it so, as before there was quoting. */
function meant({ text, written }, occurs) {
  return written !== spelledValue(text) && occurs(written) ? written : text;
}

/** What comes close to a value that no cell has: the point that a comma or a bar has torn, one with a similar label. */
function nearest(book, name, text) {
  const labels = book.axes.find((one) => one.name === name)?.labels.slice(1);
  if (!labels) return '';
  const torn = text && labels.find((label) => label.startsWith(text) && label !== spelledValue(label));
  return torn ? `; quotes hold a value together: ${name}=${spelledValue(brief(torn))}` : suggestion(text, labels);
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
  if (typeof value === 'number') return word.trim() !== '' && Number(word) === value;
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
