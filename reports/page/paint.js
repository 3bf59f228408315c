// ---- paint: cells in the colour of a number, and the legend that says which is which
//
// Cividis (Nuñez, Anderton and Renslow 2018) looks alike with and without colour blindness and grows evenly in lightness.
// More is further from the paper: dark on light, light on dark.

const CIVIDIS = ['#00224e', '#1b3560', '#404c6b', '#5a6270', '#727876', '#8b8f78', '#a69f70', '#c4b464', '#e0ca51', '#fee838'];
const SKEWED = 20; // times that the 95th percentile is the 5th, from where on a logarithmic scale shows more

/** A colour for a share from 0 to 1, as CSS for both themes. */
function paintOf(share) {
  return `light-dark(${cividis(1 - share)}, ${cividis(share)})`;
}

/** Black or white, whichever can be read on that colour. */
function inkOn(share) {
  const ink = (at) => (at > 0.5 ? '#000' : '#fff');
  return `light-dark(${ink(1 - share)}, ${ink(share)})`;
}

function cividis(share) {
  const step = Math.round(clamp(share, 0, 1) * 255);
  cividisSteps[step] ??= mixedCividis(step / 255);
  return cividisSteps[step];
}

const cividisSteps = [];

function mixedCividis(share) {
  const at = share * (CIVIDIS.length - 1);
  const below = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const mixed = [1, 3, 5].map((from) => {
    const [a, b] = [below, below + 1].map((place) => parseInt(CIVIDIS[place].slice(from, from + 2), 16));
    return Math.round(a + (b - a) * (at - below));
  });
  return `rgb(${mixed.join(' ')})`;
}

/**
 * Where a column's numbers lie between its least and its most, over the whole book: a colour means the same in every view.
 * @returns {{least: number, most: number, log: boolean, n: number, share: (value: number) => number}}
 */
function paintScale(book, column) {
  column.scale ??= makeScale(valuesOf(book, column).filter((value) => !Number.isNaN(value)).sort());
  return column.scale;
}

function makeScale(sorted) {
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const [least, most] = [at(0), at(1)];
  const log = least > 0 && at(0.95) > SKEWED * at(0.05);
  const place = log ? Math.log : (value) => value;
  const width = place(most) - place(least) || 1;
  return { least, most, log, n: sorted.length, share: (value) => (place(value) - place(least)) / width };
}

/**
 * Paints a cell: a frame in the colour of its number.
 * @returns {{text: string, words: string}|null} the number, null where none is known
 */
function paintCell(book, view, element, tiles) {
  const column = numericColumns(book).get(view.paint);
  if (!column || !tiles.length) return null;
  const value = cellNumber(book, view, column, tiles);
  if (Number.isNaN(value)) return null;
  const share = paintScale(book, column).share(value);
  element.classList.add('painted');
  element.style.setProperty('--paint', paintOf(share));
  element.style.setProperty('--on-paint', inkOn(share));
  const text = numberText(column, value);
  return { text, words: `${column.title} ${text}` };
}

/** A cell's number, written on it. */
function figureMark({ text, words }) {
  return make('span', { class: 'figure', role: 'img', 'aria-label': words, title: words }, text);
}

/** What the colours mean: a bar from the least to the most. */
function legend(book, column) {
  const scale = paintScale(book, column);
  const bar = make('span', { class: 'legend-bar', 'aria-hidden': 'true' });
  bar.style.backgroundImage = `linear-gradient(to right, ${CIVIDIS.map((_, place) => paintOf(place / (CIVIDIS.length - 1))).join(', ')})`;
  const words = `${scale.log ? 'log scale, ' : ''}n = ${counted(scale.n)}`;
  return make('span', { class: 'legend' }, numberText(column, scale.least), bar, numberText(column, scale.most),
    make('span', { class: 'quiet' }, column.unit ? `${column.unit}, ${words}` : words));
}
