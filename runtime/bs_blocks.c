/*
 * bs_blocks.c - what all depthwise convolutions share: the loop over blocks of channels and rows of output.
 *
 * Channels are taken a block at a time, all of them or a multiple of 16. For each block the weights are widened
 * once, then the output is written row by row from planes of input rows.
 *
 * Scratch: the planes and the widened weights.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_line.h"

/* Widens the weights of `count` channels from `first` on, a tap at a time, and takes off their zero points. */
static BS_COLD void bs_dw_widen(const bs_conv *layer, uint32_t first, uint32_t count, int16_t *weights)
{
    const uint32_t bits = layer->weight_bits;
    const uint32_t kernel = layer->kernel;
    const uint32_t step = bs_tap_count(kernel);
    const uint8_t *const zeros = bs_channels_from(layer, first).weight_zero;
    const uint8_t *row = layer->weights + bs_bytes(first, bits);
    for (uint32_t tap = 0; tap < kernel * kernel; tap++) {
        int16_t *weight = weights + bs_tap_position(kernel, tap);
        const uint8_t *zero = zeros;
        bs_reader reader = {row, bits, count};
        while (reader.left > 0) {
            uint32_t left = bs_min(reader.left, 4);
            for (uint32_t four = bs_read_four(&reader); left > 0; left--) {
                *weight = (int16_t)((int32_t)(four & 0xFF) - *zero++);
                four >>= 8;
                weight += step;
            }
        }
        row += bs_bytes(layer->in_c, bits);
    }
}

/* Shifts widened weights up where bs_start_of expects that; returns whether rows are dense: with stride 1 and shifts that
   then suit bs_quick_code. */
static BS_COLD bool bs_dw_shift(const bs_line *line, int16_t *weights)
{
    const uint32_t taps = bs_tap_count(line->planes.layer->kernel);
    bool dense = line->planes.layer->stride == 1;
    for (uint32_t c = 0; c < line->planes.channels; c++) {
        const uint32_t up = bs_weights_up(line->tables.shift[c], line->planes.layer->weight_bits);
        for (uint32_t tap = 0; tap < taps && up != 0; tap++) {
            weights[tap] = (int16_t)(weights[tap] * (1 << up));
        }
        weights += taps;
        dense = dense && bs_is_quick(bs_start_of(line, c).shift);
    }
    return dense;
}

BS_COLD size_t bs_scratch_depthwise(const bs_conv *layer)
{
    return bs_rows_bytes(layer, layer->block) + 2 * (uint32_t)layer->block * bs_tap_count(layer->kernel);
}

BS_COLD void bs_run_blocks(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch,
                           bs_line_function run_line)
{
    int16_t *const weights = (int16_t *)(void *)((uint8_t *)scratch + bs_rows_bytes(layer, layer->block));
    bs_line line;
    line.planes.layer = layer;
    line.planes.width = bs_padded_width(layer);
    line.weights = weights;

    for (uint32_t first = 0; first < layer->in_c; first += layer->block) {
        line.planes.channels = bs_min(layer->in_c - first, layer->block);
        line.tables = bs_channels_from(layer, first);
        bs_rows rows;
        bs_rows_start(&rows, layer, line.planes.channels, scratch);
        bs_dw_widen(layer, first, line.planes.channels, weights);
        const bool dense = bs_dw_shift(&line, weights);
        /* Blocks are multiples of 16 channels and so start on a byte. */
        const uint8_t *const in_block = in + bs_bytes(first, layer->in_bits);
        uint8_t *out_row = out + bs_bytes(first, layer->out_bits);
        for (uint32_t y = 0; y < layer->out_h; y++) {
            for (uint8_t *slot; (slot = bs_rows_next(&rows, y)) != NULL;) {
                bs_planes_load(&line.planes, in_block, rows.loaded - 1, slot);
            }
            for (uint32_t ky = 0; ky < layer->kernel; ky++) {
                line.rows[ky] = bs_rows_at(&rows, ky);
            }
            run_line(&line, dense);
            bs_planes_pack(&line.planes, line.rows[0], out_row);
            out_row += layer->out_w * bs_bytes(layer->out_c, layer->out_bits);
        }
    }
}
