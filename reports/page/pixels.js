// ---- pixels: what script may read of a picture, and what it may only draw
//
// A browser lets a page that was opened from a disk show the pictures beside it and not read them. Over http it reads
// them; from a disk the reader may lend the page its folder, whose files stay where they are.

const lent = new Map();
const PICTURE_FILE = /(?:images|thumbnails)\/[0-9a-f]{2}\/[0-9a-f]{64}\.[a-z]+$/;

/** Whether a picture's pixels can be read here and now. */
function canRead(address) {
  return location.protocol !== 'file:' || address.startsWith('data:') || lent.has(fileOf(address));
}

/** Takes the files of a folder that the reader chose; returns how many of this page's pictures are among them. */
function lend(files) {
  for (const file of files) {
    const name = fileOf(file.webkitRelativePath || file.name);
    if (name) lent.set(name, file);
  }
  return lent.size;
}

/** A picture's own file where this page holds it: the reader lent it, or it lies inside the page. @returns {Blob|null} */
function heldFile(address) {
  if (!address.startsWith('data:')) return lent.get(fileOf(address)) ?? null;
  const [head, text] = address.split(',');
  return new Blob([Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0))], { type: head.slice(5).split(';')[0] });
}

function fileOf(address) {
  return address.startsWith('data:') ? '' : (PICTURE_FILE.exec(address)?.[0] ?? '');
}

/** A picture to draw on a canvas. Rejects where its file is missing or broken. @returns {Promise<CanvasImageSource>} */
async function openPicture(address) {
  const file = lent.get(fileOf(address));
  if (file) return createImageBitmap(file);
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

/** Red, green, blue and alpha of each pixel of a picture, at a size. @returns {Promise<Uint8ClampedArray>} */
async function readPixels(address, width, height) {
  const canvas = make('canvas', { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(await openPicture(address), 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

/** How far two pictures' pixels lie apart: mean over red, green and blue (0 to 255), and the share that differs. */
function apart(one, other) {
  let sum = 0;
  let differing = 0;
  for (let at = 0; at < one.length; at += 4) {
    const here = Math.abs(one[at] - other[at]) + Math.abs(one[at + 1] - other[at + 1]) + Math.abs(one[at + 2] - other[at + 2]);
    sum += here;
    if (here) differing += 1;
  }
  return { mean: sum / (0.75 * one.length), share: differing / (one.length / 4) };
}

/** A button that has the reader lend this page its folder; `then` is called when it holds pictures of the page. */
function lendButton(then) {
  const input = make('input', { type: 'file', webkitdirectory: true, class: 'unseen', tabindex: -1 });
  const button = make('button', { type: 'button', class: 'plain outlined' }, 'Let this page read its folder');
  const said = make('span', { class: 'quiet' });
  button.addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    if (lend(input.files)) then();
    else said.textContent = ' no picture of this page is in that folder';
  });
  return make('span', {}, button, input, said);
}
