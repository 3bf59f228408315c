// ---- differing: of long labels that begin or end alike, what differs
//
// The shared part has no size and stays where it is: it is copied, searched and read aloud with the rest.

const LONG_LABEL = 64; // letters of the longest label of an axis, from which its labels are shortened
const LEAST_SHARED = 24; // letters at an end, below which that end is shown
const CONTEXT = 12; // letters of whole words before what differs, at most
const NOTHING_SHARED = { head: 0, tail: 0 };
const BETWEEN_WORDS = /[\s\p{P}]/u;

const sharedEnds = new WeakMap();

/** The words of a point's label; where those of its axis are long, without what all of them begin or end with. */
function differingText(axis, digit) {
  const text = axis.labels[digit];
  const { head, tail } = digit ? endsOf(axis) : NOTHING_SHARED;
  if (!head && !tail) return labelText(text);
  const omitted = (part) => (part ? [make('span', { class: 'omitted' }, part)] : []);
  const nodes = [...omitted(text.slice(0, head)), ...breakable(text.slice(head, text.length - tail)), ...omitted(text.slice(text.length - tail))];
  const ends = [head && 'headless', tail && 'tailless'].filter(Boolean).join(' ');
  return make('span', { class: 'label-text' }, make('span', { class: ends }, ...nodes));
}

/** How many letters of an axis's labels are omitted at their beginning and at their end. */
function endsOf(axis) {
  if (!sharedEnds.has(axis)) sharedEnds.set(axis, findEnds(axis.labels.slice(1)));
  return sharedEnds.get(axis);
}

function findEnds(labels) {
  if (labels.length < 2 || !labels.some(({ length }) => length > LONG_LABEL)) return NOTHING_SHARED;
  const head = omittedPart(labels.reduce(commonHead), CONTEXT);
  const rests = labels.map((label) => mirrored(label.slice(head)));
  const tail = omittedPart(rests.reduce(commonHead), 0);
  const told = rests.every((rest) => rest.slice(tail).trim());
  return told ? { head, tail } : NOTHING_SHARED;
}

function commonHead(one, other) {
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && one[length] === other[length]) length += 1;
  return one.slice(0, length);
}

/** A text backwards, whole letters and what belongs to them together. */
function mirrored(text) {
  return [...text].reverse().join('');
}

/** How much of a shared beginning is omitted: whole words, the last few letters of them kept; 0 where it is not worth an ellipsis. */
function omittedPart(shared, context) {
  let length = shared.length;
  while (length && !BETWEEN_WORDS.test(shared[length - 1])) length -= 1;
  for (let place = length - context; place < length; place += 1) {
    if (place > 0 && BETWEEN_WORDS.test(shared[place - 1])) {
      length = place;
      break;
    }
  }
  return length < LEAST_SHARED ? 0 : length;
}
