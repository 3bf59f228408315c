// ---- archive: files as one ZIP, and words inside a PNG
//
// Files are stored as they are: pictures are compressed already. What a file holds stays where the browser keeps it, one
// at a time is read for its checksum.

const MOST_ZIP = 4_000_000_000; // bytes; a ZIP without extensions counts a little more
const ZIP_EPOCH = 0x21; // 1 January 1980, so that the same files give the same archive
const PNG_HEAD = 33; // bytes of the signature and the first chunk

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  return sum;
});

/** CRC-32 as ZIP and PNG use it. @param {Uint8Array} data */
function crc32(data) {
  let sum = -1;
  for (let at = 0; at < data.length; at += 1) sum = CRC_TABLE[(sum ^ data[at]) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

/** Numbers as bytes, each with its width in bytes. @param {boolean} little whether the lowest byte comes first */
function packedNumbers(fields, little = true) {
  const bytesOf = ([value, width]) => Array.from({ length: width }, (_, place) => (value >>> (8 * place)) & 255);
  return Uint8Array.from(fields.flatMap((field) => (little ? bytesOf(field) : bytesOf(field).reverse())));
}

/**
 * A ZIP to which files are added one after the other.
 * @returns {{add: (name: string, content: Blob) => Promise<void>, close: () => Blob}}
 */
function createArchive() {
  const parts = [];
  const directory = [];
  let at = 0;
  let listed = 0;

  async function add(name, content) {
    if (at + content.size > MOST_ZIP) throw new Error(`a ZIP of a page holds at most ${bytes(MOST_ZIP)}: show fewer cells, or use the command`);
    const sum = crc32(new Uint8Array(await content.arrayBuffer()));
    const called = new TextEncoder().encode(name);
    const shared = [[20, 2], [0x800, 2], [0, 2], [0, 2], [ZIP_EPOCH, 2], [sum, 4], [content.size, 4], [content.size, 4], [called.length, 2], [0, 2]];
    const head = packedNumbers([[0x04034b50, 4], ...shared]);
    const entry = packedNumbers([[0x02014b50, 4], [20, 2], ...shared, [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]]);
    parts.push(head, called, content);
    directory.push(entry, called);
    at += head.length + called.length + content.size;
    listed += entry.length + called.length;
  }

  function close() {
    const count = directory.length / 2;
    const end = packedNumbers([[0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [listed, 4], [at, 4], [0, 2]]);
    return new Blob([...parts, ...directory, end], { type: 'application/zip' });
  }

  return { add, close };
}

/** A PNG file with texts by their keywords (PNG specification 11.3.4.5, iTXt); its pixels are as they were. */
function withTexts(png, texts) {
  const chunks = Object.entries(texts).map(([keyword, text]) => {
    const body = new TextEncoder().encode(`iTXt${keyword}\0\0\0\0\0${text}`);
    return new Blob([packedNumbers([[body.length - 4, 4]], false), body, packedNumbers([[crc32(body), 4]], false)]);
  });
  return new Blob([png.slice(0, PNG_HEAD), ...chunks, png.slice(PNG_HEAD)], { type: 'image/png' });
}
