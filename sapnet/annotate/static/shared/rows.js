// Rows of lists that scroll.

// Scrolls a box just enough to make its row `at` visible.
export function showRow(box, at, height) {
  const top = at * height;
  const { scrollTop, clientHeight } = box;
  if (top < scrollTop) box.scrollTop = top;
  else if (top + height > scrollTop + clientHeight) box.scrollTop = top + height - clientHeight;
}
