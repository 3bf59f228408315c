// ---- lettering: words on a canvas: where lines break, and what becomes of words that do not fit
//
// The rules of runner/album/lettering.py: lines break between words, and inside a name where a reader would break it; what
// is more than the lines allowed ends with an ellipsis, and no letter is cut through.

const LEADING = 1.3; // height of a line, in sizes of the font
const WORD_BREAKS = /(?<=[a-z0-9])(?=[A-Z])|(?<=[_/,;:=@.-])(?=\D)/u;
const TYPE = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif';

/**
 * Letters of one size.
 * @typedef {object} Letters
 * @property {string} font as a canvas takes it
 * @property {number} leading height of a line in pixels
 * @property {(text: string) => number} width of a text in pixels
 */

/** @returns {Letters} */
function letters(size, weight = 400) {
  const context = make('canvas', { width: 1, height: 1 }).getContext('2d');
  const font = `${weight} ${size}px ${TYPE}`;
  context.font = font;
  return { font, leading: Math.round(LEADING * size), width: (text) => context.measureText(text).width };
}

/** A text as one that can be drawn: no marks that turn or hide its neighbours, and one of which nothing is seen says so. */
function drawable(text) {
  return text.replace(/[\p{C}\p{Z}\s]+/gu, ' ').trim() || visible(text);
}

/** A text in at most so many lines of so many pixels; the last ends with an ellipsis where that is not all. */
function brokenLines(text, type, width, most) {
  const plain = drawable(text);
  const broken = breakWords(plain, type, width);
  if (broken.length <= most) return broken;
  const whole = broken.slice(0, most - 1);
  let last = [...restAfter(plain, whole.join('').replaceAll(' ', '').length)];
  while (last.length && type.width(`${last.join('').trimEnd()}…`) > width) last = last.slice(0, -1);
  return [...whole, `${last.join('').trimEnd()}…`];
}

/** What follows so many letters of a text, spaces not counted. */
function restAfter(text, count) {
  let left = count;
  for (let at = 0; at < text.length; at += 1) {
    if (left === 0 && text[at] !== ' ') return text.slice(at);
    if (text[at] !== ' ') left -= 1;
  }
  return '';
}

function breakWords(text, type, width) {
  const broken = [];
  let line = '';
  for (const word of text.split(' ')) {
    const wider = line ? `${line} ${word}` : word;
    if (type.width(wider) <= width) {
      line = wider;
      continue;
    }
    if (line) broken.push(line);
    const pieces = breakName(word, type, width);
    line = pieces.pop();
    broken.push(...pieces);
  }
  return [...broken, line];
}

/** A word in pieces that fit a line: EulerAncestral, DiscreteScheduler; single letters where no part fits. */
function breakName(word, type, width) {
  const pieces = [];
  let piece = '';
  for (const some of word.split(WORD_BREAKS)) {
    for (const unit of type.width(some) <= width ? [some] : some) {
      if (piece && type.width(piece + unit) > width) {
        pieces.push(piece);
        piece = '';
      }
      piece += unit;
    }
  }
  return [...pieces, piece];
}

/** Draws lines below each other; `align` says what of each line is at `x`. */
function putLines(context, words, type, [x, y], ink, align = 'left') {
  Object.assign(context, { font: type.font, fillStyle: ink, textAlign: align, textBaseline: 'middle', direction: 'ltr' });
  words.forEach((line, place) => context.fillText(line, x, y + (place + 0.5) * type.leading));
}
