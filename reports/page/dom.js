// ---- dom: elements without HTML

/**
 * Makes an element. Text from data becomes text nodes or attribute values; nothing on this page parses HTML.
 * @param {string} tag
 * @param {Object<string, string|number|boolean>} attributes names are this script's own; false leaves one out, except
 *   where its name starts with aria-
 * @param {...(Node|string)} children
 */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  return fill(element, attributes, children);
}

/** Makes an SVG element, as `make` does. */
function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  return fill(element, attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    const spelled = typeof value === 'boolean' && !name.startsWith('aria-');
    if (value !== false || !spelled) element.setAttribute(name, spelled ? '' : String(value));
  }
  element.append(...children);
  return element;
}

/** The icon of a state, from the symbols in the page. */
function icon(state) {
  return draw('svg', { class: 'icon', 'aria-hidden': 'true' }, draw('use', { href: `#icon-${state}` }));
}

/** Does something when a key is pressed anywhere but in a field that takes letters, a menu or a dialog. */
function onKey(key, deed) {
  addEventListener('keydown', (event) => {
    if (event.key !== key || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input:not([type=range], [type=radio]), textarea, select, [popover], dialog')) return;
    event.preventDefault();
    deed();
  });
}

/** The page's own element with this id. */
function part(id) {
  return document.getElementById(id);
}

/**
 * A name as nodes that may break where a reader would: EulerAncestral|Discrete, guidance_|scale, 768x|512.
 * @param {string} text
 * @returns {Node[]}
 */
function breakable(text) {
  const pieces = text.split(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[_/,;:=@.-])(?=[^\s\d])/u);
  return pieces.flatMap((piece, place) => (place ? [make('wbr'), piece] : [piece]));
}

const BLANK = /^[\s\p{C}\p{Z}]*$/u;
const MOST_CODES = 4;

/** A text as one that can be seen: one without any mark on paper is told by how many spaces it is, or by its letters' codes. */
function visible(text) {
  if (!BLANK.test(text)) return text;
  if (/^ *$/.test(text)) return ['(empty)', '(space)'][text.length] ?? `(${counted(text.length)} spaces)`;
  const codes = [...text].map((letter) => `U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`);
  return `(${codes.slice(0, MOST_CODES).join(' ')}${codes.length > MOST_CODES ? ` … ${counted(codes.length)} letters` : ''})`;
}

/** Says something to a reader who listens. */
function announce(words) {
  part('announcement').textContent = words;
}

/** Runs `action` once before the next frame, however often it is asked for meanwhile. */
function onceAFrame(action) {
  let asked = 0;
  return () => {
    if (asked) return;
    asked = requestAnimationFrame(() => {
      asked = 0;
      action();
    });
  };
}

function clamp(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

const decimals = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** Whole numbers with thousands apart: 12,345. */
function counted(number) {
  return decimals.format(number);
}

/** Seconds as people say them: 0.34 s, 12.5 s, 3 min 20 s. */
function seconds(value) {
  if (value >= 60) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  return `${value >= 10 ? value.toFixed(1) : value.toFixed(2)} s`;
}

/** Bytes as people say them: 431 kB, 1.2 MB. */
function bytes(value) {
  return value < 1e6 ? `${Math.max(1, Math.round(value / 1e3))} kB` : `${decimals.format(value / 1e6)} MB`;
}
