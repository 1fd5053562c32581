/*
 * bs_window.h - pools with a window, pixel by pixel of the output, four channels at a time.
 *
 * What lies outside the map is left out: windows are cut off at its borders. There is no scratch; four channels of
 * all pixels under a window are read before four channels of the output are written.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_WINDOW_H
#define BS_WINDOW_H

#include "bs_dsp.h"

/* Four channels, or fewer at the end of a pixel, of the pixels that a window covers. */
typedef struct {
    const uint8_t *codes;      /* of the first pixel */
    uint32_t rows, columns;
    uint32_t row_bytes, pixel_bytes;
    uint32_t bits, channels;
    uint32_t count, reciprocal; /* for means: pixels, and what divides by them; kept from window to window */
} bs_covered;

/* Codes of four channels of a pixel, one byte each; zeros behind the last channel. */
BS_INLINE uint32_t bs_covered_codes(const bs_covered *covered, const uint8_t *pixel)
{
    if (covered->channels == 4) {
        return bs_spread(bs_load_packed(pixel, covered->bits), covered->bits);
    }
    bs_reader reader = {pixel, covered->bits, covered->channels};
    return bs_read_four(&reader);
}

/* Where a window begins in a map and how far it reaches, in rows or columns. */
typedef struct {
    uint32_t first, count;
} bs_span;

BS_INLINE bs_span bs_span_of(uint32_t at, uint32_t pad, uint32_t kernel, uint32_t side)
{
    const uint32_t first = at < pad ? 0 : at - pad;
    const bs_span span = {first, bs_min(at + kernel - pad, side) - first};
    return span;
}

/* Writes what `four` makes of each window. */
BS_INLINE void bs_for_each_window(const bs_window *layer, const uint8_t *in, uint8_t *out,
                                  uint32_t (*four)(bs_covered *covered))
{
    const uint32_t pixel_bytes = bs_bytes(layer->channels, layer->bits);
    bs_covered covered = {
        .row_bytes = layer->in_w * pixel_bytes,
        .pixel_bytes = pixel_bytes,
        .bits = layer->bits,
    };
    for (uint32_t y = 0; y < layer->out_h; y++) {
        const bs_span rows = bs_span_of(y * layer->stride, layer->pad_top, layer->kernel, layer->in_h);
        const uint8_t *const row = in + rows.first * covered.row_bytes;
        covered.rows = rows.count;
        for (uint32_t x = 0; x < layer->out_w; x++) {
            const bs_span columns = bs_span_of(x * layer->stride, layer->pad_left, layer->kernel, layer->in_w);
            covered.columns = columns.count;
            covered.codes = row + columns.first * pixel_bytes;
            for (uint32_t left = layer->channels; left > 0; left -= covered.channels) {
                covered.channels = bs_min(left, 4);
                const uint32_t codes = four(&covered);
                const uint32_t bytes = bs_bytes(covered.channels, covered.bits);
                bs_store_codes(out, covered.bits, covered.channels, codes);
                covered.codes += bytes;
                out += bytes;
            }
        }
    }
}

#endif
