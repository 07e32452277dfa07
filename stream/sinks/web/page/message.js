// One message of the wire format (docs/wire-format.md): topic, 0, length, header, payload. Pure.

const utf8 = new TextDecoder();

export function decode(buffer) {
  const bytes = new Uint8Array(buffer);
  const end = bytes.indexOf(0);
  const start = end + 5;
  const length = new DataView(buffer).getUint32(end + 1, true);
  return {
    header: JSON.parse(utf8.decode(bytes.subarray(start, start + length))),
    payload: bytes.subarray(start + length),
  };
}
