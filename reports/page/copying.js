// ---- copying: the request of a cell in the forms in which people use it elsewhere

const IMAGES = ['init_image', 'mask_image'];
const LOCAL_IMAGE = /^sha256:([0-9a-f]{64})$/;
const SERVED_HERE = 'http://127.0.0.1:8765/api/v1/enterprise'; // where `sweep serve` answers

/** Buttons that copy a tile's request as JSON, as a curl command, as an experiment file of one cell. */
function copyButtons(book, tile, shown) {
  const parameters = book.request.entries(tile);
  const forms = [
    ['JSON', () => JSON.stringify(Object.fromEntries(parameters), null, 2)],
    ['curl', () => asCurl(book, tile, parameters)],
    ['YAML', () => asYaml(book, tile, parameters)],
  ];
  const buttons = forms.map(([words, text]) => {
    const button = make('button', { type: 'button', class: 'copy', 'data-form': words }, words);
    button.addEventListener('click', () => copy(text(), shown, button, words));
    return button;
  });
  return make('span', { class: 'copies' }, make('span', { class: 'quiet' }, 'copy as'), ...buttons);
}

/** Copies text; where the browser does not let a page do so, selects what is shown for the reader to copy. */
async function copy(text, shown, button, words) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = words; }, 1500);
  } catch {
    shown.textContent = text;
    getSelection().selectAllChildren(shown);
    button.textContent = 'Selected: press Ctrl+C';
  }
}

/**
 * A command for a POSIX shell, to be run in the run's folder. The key is a variable, never its value; a local image is
 * read from the folder. The body goes in by a pipe: a program's arguments have a limit that an image passes, and every
 * other user of a machine may read them.
 */
function asCurl(book, tile, parameters) {
  const hosted = book.target.includes('://');
  const url = `${(hosted ? book.target : SERVED_HERE).replace(/\/+$/, '')}/${book.fact(tile, 'endpoint')}`;
  const body = new Map(parameters);
  const spliced = parameters.filter(isLocalImage);
  if (spliced.length) body.set('base64', 'yes');
  if (hosted) body.set('key', '');
  let json = quoted(JSON.stringify(Object.fromEntries(body)));
  for (const [name, value] of spliced) {
    json = json.replace(`${JSON.stringify(name)}:"${value}"`, () => `${JSON.stringify(name)}:"'"$(base64 < ${localPath(value)} | tr -d '\\n')"'"`);
  }
  if (hosted && book.key) json = json.replace(/"key":""\}'$/, () => `"key":"'"$${book.key}"'"}'`);
  return `printf '%s' ${json} |\n  curl -sS ${quoted(url)} -H 'Content-Type: application/json' --data-binary @-`;
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function isLocalImage([name, value]) {
  return IMAGES.includes(name) && LOCAL_IMAGE.test(value);
}

function localPath(value) {
  const [, digest] = LOCAL_IMAGE.exec(value);
  return `inputs/${digest.slice(0, 2)}/${digest}`;
}

const UNPRINTABLE = /[\x7f-\x9f\u2028\u2029\ufeff]/g; // what YAML refuses, or reads as the end of a line

/** An experiment file of one cell. */
function asYaml(book, tile, parameters) {
  const target = book.target.includes('://')
    ? `{url: ${JSON.stringify(book.target)}${book.key ? `, key: "\${env:${book.key}}"` : ''}}`
    : book.target;
  const lines = parameters.map(([name, value]) => {
    const said = isLocalImage([name, value]) ? localPath(value) : value;
    const written = typeof said === 'string' ? yamlText(literal(said)) : JSON.stringify(said);
    return `  ${/^\w+$/.test(name) ? name : yamlText(name)}: ${written}`;
  });
  return [
    `name: cell-${book.digest(tile).slice(0, 12)}`,
    `target: ${target}`,
    `endpoint: ${book.fact(tile, 'endpoint')}`,
    'parameters:',
    ...lines,
    '',
  ].join('\n');
}

/** A text as YAML reads it back: JSON, with more of its signs written as numbers. */
function yamlText(text) {
  return JSON.stringify(text).replace(UNPRINTABLE, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A text that an experiment file would read as a template, as a template that gives this text. */
function literal(text) {
  return /\{[{%]/.test(text) ? `{{ ${JSON.stringify(text)} }}` : text;
}
