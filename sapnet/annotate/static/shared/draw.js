// Marks on the image. A light ring inside a dark one is visible on any photograph.

import { maskLayer } from "./masks.js";

export const HIT_RADIUS = 10; // CSS pixels within which a point is grabbed
const RADIUS = 5.5; // CSS pixels
const DARK = "rgba(0, 0, 0, 0.75)";

function ring(context, x, y, radius, width, color) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.lineWidth = width;
  context.strokeStyle = color;
  context.stroke();
}

export function drawPoint(context, x, y, { color, isNegative, isSelected, isPoint, isOpen }) {
  const radius = isSelected ? RADIUS + 1 : RADIUS;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = isNegative || isOpen ? "#16181d" : color;
  context.fill();
  ring(context, x, y, radius + 0.5, 2, isNegative || isOpen ? color : "#fff");
  ring(context, x, y, radius + 2, 1, DARK);
  if (isPoint) {
    ring(context, x, y, radius + 5, 2, "#fff");
    ring(context, x, y, radius + 6.5, 1, DARK);
  }
  if (!isNegative) return;
  context.fillStyle = "#fff";
  context.fillRect(x - 3, y - 1, 6, 2); // a minus
}

export function drawBox(context, [x1, y1], [x2, y2], color) {
  context.lineWidth = 3;
  context.strokeStyle = DARK;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  context.strokeStyle = color;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  context.setLineDash([]);
}

// Draws a mask over an image of width x height; the context is in image pixels.
export function drawMask(context, { width, height }, mask, color, look) {
  const layer = maskLayer(mask, color, look);
  if (!layer) return;
  const [x1, y1, x2, y2] = layer.box;
  context.drawImage(layer.canvas, x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height);
}

const TURN = 900; // ms per turn of the ring of a point that waits

// Shows at the point itself that its masks are on the way.
export function drawWaiting(context, x, y, time) {
  const start = (2 * Math.PI * (time % TURN)) / TURN;
  for (const [width, color] of [[5, DARK], [3, "#fff"]]) {
    context.beginPath();
    context.arc(x, y, RADIUS + 8, start, start + 1.5 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke();
  }
}

export function drawCrosshair(context, [x, y], width, height) {
  const gap = 7;
  const lines = () => {
    context.beginPath();
    context.moveTo(0, y); context.lineTo(x - gap, y);
    context.moveTo(x + gap, y); context.lineTo(width, y);
    context.moveTo(x, 0); context.lineTo(x, y - gap);
    context.moveTo(x, y + gap); context.lineTo(x, height);
    context.stroke();
  };
  context.lineWidth = 3;
  context.strokeStyle = DARK;
  lines();
  context.lineWidth = 1;
  context.strokeStyle = "#fff";
  lines();
}
