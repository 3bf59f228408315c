// ---- expression: the language of the filter, as runner/cli/expression.py reads it for `sweep run --only`
//
// Terms are joined by commas, values of one term by `|`. A value that holds a comma or a bar, has blanks at its ends or
// begins with a quote stands in quotes, in which a quote is doubled: subject="a red, round house"|"say ""hi"", and go".

const QUOTED = '"[^"]*(?:""[^"]*)*"';
const WORD = `\\s*${QUOTED}\\s*(?=[,|]|$)|[^,|]*`;
const TERM = new RegExp(`\\s*(?<name>[^<>=!\\s,]+)\\s*(?<sign><=|>=|!=|=|<|>)(?<value>(?:${WORD})(?:\\|(?:${WORD}))*)(?=,|$)`, 'yu');
const ENTIRE = new RegExp(`^${QUOTED}$`, 'u');
const NOT_BARE = /[,|]|^["\p{C}\p{Z}]|[\p{C}\p{Z}]$/u;

/**
 * What lies between the commas of an expression.
 * @typedef {object} Term
 * @property {string} written as it stands there
 * @property {number} place of its first letter
 * @property {string} [name] missing where it is no term
 * @property {string} [sign] one of = != < <= > >=
 * @property {string} [value] all that follows the sign, as it stands there
 * @property {{text: string, written: string}[]} [words] the values named, and how each stands there
 */

/** @returns {Term[]} */
function termsOf(text) {
  const terms = [];
  for (let place = 0; place < text.length;) {
    TERM.lastIndex = place;
    const found = TERM.exec(text);
    const end = found ? TERM.lastIndex : `${text},`.indexOf(',', place);
    const whole = text.slice(place, end);
    if (whole.trim()) terms.push({ written: whole.trim(), place: place + whole.length - whole.trimStart().length, ...(found && partsOf(found.groups)) });
    place = end + 1;
  }
  return terms;
}

function partsOf({ name, sign, value }) {
  const words = [...`|${value}`.matchAll(new RegExp(`\\|(${WORD})`, 'gu'))].map(([, written]) => wordOf(written.trim()));
  return { name, sign, value: value.trim(), words };
}

function wordOf(written) {
  return { text: ENTIRE.test(written) ? written.slice(1, -1).replaceAll('""', '"') : written, written };
}

/** How a value is written, such that it is read as itself: in quotes where it needs them. */
function spelledValue(value) {
  return NOT_BARE.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
