// Milliseconds that the page waits for things; tests wait less.

export const times = {
  /** Rest after which a moving choice is sent to the kernel. */
  rest: 40,
  /** For which the last drawing stays while a map is on its way. */
  linger: 150,
  /** After which a question of an old selection is given up for one of the present. */
  stale: 600,
  /** After which an open question is mentioned and asked again, time and again. */
  patience: [5000, 15000, 45000],
  /** Rest after which what is shown is kept for a page without a kernel. */
  keep: 3000,
  /** After which the kernel is asked how far an image is that it draws. */
  drawing: 250,
};
