// One color per class, visible on photographs; beyond the list, hues that differ as much as possible.
// The instances of a class have shades of its color.

const NAMED = [
  "#ff4d6d", "#2ec4ff", "#ffb400", "#3ddc84", "#b388ff", "#ff7a1a",
  "#00d5c8", "#f45bd6", "#c0e218", "#8ea2ff", "#ff9e9e", "#d9a066",
];
const SHADES = [0, 0.34, -0.3, 0.6, -0.5]; // towards white, or towards black, by instance
const GOLDEN_ANGLE = 137.508; // degrees
const FIRST_HUE = 140; // degrees

export function classColor(place) {
  if (place < NAMED.length) return NAMED[place];
  const hue = (place * GOLDEN_ANGLE + FIRST_HUE) % 360;
  const light = place % 2 ? 0.82 : 0.3; // paler and darker than the named ones
  const channel = (offset) => {
    const k = (offset + hue / 30) % 12;
    const value = light - 0.85 * Math.min(light, 1 - light) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

// Returns the shade of the n-th instance of a class.
export function instanceColor(color, n) {
  const shade = SHADES[n % SHADES.length];
  const target = shade > 0 ? 255 : 0;
  const mixed = color.match(/\w\w/g).map((pair) => {
    const value = parseInt(pair, 16);
    return Math.round(value + Math.abs(shade) * (target - value)).toString(16).padStart(2, "0");
  });
  return `#${mixed.join("")}`;
}
