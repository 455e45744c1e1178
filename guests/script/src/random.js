// Chance that is the same for every attempt of a delivery.

// A source of numbers from 0 to 1 by 32 hexadecimal digits: Chris Doty-Humphrey's sfc32.
export function random(seed) {
  let [a, b, c, d] = [0, 8, 16, 24].map((at) => parseInt(seed.slice(at, at + 8), 16) | 0);
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  // The first ones show the seed.
  for (let round = 0; round < 12; round += 1) next();
  return next;
}
