// All tiles of the grid on one canvas.
/** @import { Cell } from "./cells.js" */
/** @import { Tiles } from "./types.js" */
import { el } from "./dom.js";
import { addTile } from "./maps.js";
import { largest } from "./measure.js";
import { paint, palette } from "./palettes.js";

const FADED = 0.5; // opacity of layers that are not in the choice, which are gray besides

export class Mosaic {
  constructor() {
    this.canvas = el("canvas", {
      class: "daam-mosaic",
      "aria-hidden": "true",
      "data-testid": "mosaic",
    });
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.small = document.createElement("canvas");
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.small.getContext("2d"));
    this.scale = 1;
  }

  /**
   * @param {number} width CSS pixels
   * @param {number} height
   * @param {number} scale
   */
  fit(width, height, scale) {
    this.scale = scale;
    this.canvas.width = Math.ceil(width * scale);
    this.canvas.height = Math.ceil(height * scale);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
  }

  /**
   * @param {Cell[]} cells
   * @param {Tiles | null} tiles
   * @param {{palette: string, common: boolean, faded: (layers: number[]) => boolean}} how
   */
  draw(cells, tiles, how) {
    const { context, scale } = this;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const table = palette(how.palette);
    const gray = palette("gray");
    // Layers that are not in the choice do not darken those that are.
    const most = tiles
      ? largest(tiles.scales.map((row, layer) => (how.faded([layer]) ? 0 : largest(row))))
      : 0;
    for (const cell of cells) {
      const [x, y, size] = [cell.x, cell.y, cell.size].map((v) => Math.round(v * scale));
      const faded = how.faded(cell.layers);
      context.globalAlpha = faded ? FADED : 1;
      if (!tiles) {
        context.fillStyle = "#8883";
        context.fillRect(x, y, size, size);
        continue;
      }
      const [height, width] = tiles.tile[cell.layers[0]];
      const values = valuesOf(tiles, cell, height * width);
      this.#paint(values, width, height, how.common ? most : largest(values), faded ? gray : table);
      // Small maps keep their cells square; large ones are reduced smoothly.
      context.imageSmoothingEnabled = width > size;
      const [w, h] =
        height > width ? [(size * width) / height, size] : [size, (size * height) / width];
      context.drawImage(
        this.small,
        0,
        0,
        width,
        height,
        x + (size - w) / 2,
        y + (size - h) / 2,
        w,
        h,
      );
    }
    context.globalAlpha = 1;
  }

  /**
   * @param {Float32Array} values
   * @param {number} width
   * @param {number} height
   * @param {number} max
   * @param {Uint32Array} table
   */
  #paint(values, width, height, max, table) {
    if (this.small.width !== width || this.small.height !== height) {
      this.small.width = width;
      this.small.height = height;
    }
    const image = this.pen.createImageData(width, height);
    paint(values, max, table, new Uint32Array(image.data.buffer));
    this.pen.putImageData(image, 0, 0);
  }
}

/**
 * The map of one cell: a tile, or the mean of a layer's heads, or of a folded block's layers.
 *
 * @param {Tiles} tiles
 * @param {Cell} cell
 * @param {number} size
 */
function valuesOf(tiles, cell, size) {
  const values = new Float32Array(size);
  let count = 0;
  for (const layer of cell.layers) {
    if (tiles.tile[layer][0] * tiles.tile[layer][1] !== size) continue;
    for (let head = 0; head < tiles.scales[layer].length; head++) {
      if (cell.head >= 0 && head !== cell.head) continue;
      addTile(tiles, layer, head, values);
      count++;
    }
  }
  if (count > 1) for (let i = 0; i < size; i++) values[i] /= count;
  return values;
}
