/*
 * bs_ring.c - a sliding window of input rows with their padding.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_ring.h"

/* Columns from the left edge of the first window to the right edge of the last, or of the map. */
static uint32_t bs_padded_width(const bs_conv *layer)
{
    const uint32_t windows = ((uint32_t)layer->out_w - 1) * layer->stride + layer->kernel;
    const uint32_t map = (uint32_t)layer->pad_left + layer->in_w;
    return windows > map ? windows : map;
}

/* bs_unpack for one width. */
BS_INLINE void bs_unpack_width(const uint8_t *codes, uint32_t bits, uint32_t n, uint8_t *out)
{
    for (; n >= 4; n -= 4) {
        const uint32_t four = bs_spread(bs_load_packed(codes, bits), bits);
        memcpy(out, &four, 4);
        codes += bits >> 1;
        out += 4;
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (uint8_t)bs_code_at(codes, bits, i);
    }
}

/* Unpacks n codes to one byte each. */
static void bs_unpack(const uint8_t *codes, uint32_t bits, uint32_t n, uint8_t *out)
{
    if (bits == 8) {
        bs_unpack_width(codes, 8, n, out);
    } else if (bits == 4) {
        bs_unpack_width(codes, 4, n, out);
    } else {
        bs_unpack_width(codes, 2, n, out);
    }
}

/* Writes `pixels` pixels of padding. */
static uint8_t *bs_fill(const bs_ring *ring, uint32_t pixels, uint8_t *out)
{
    uint32_t turn = 0;
    for (const uint8_t *end = out + pixels * ring->channels; out != end; out++) {
        *out = ring->pad[turn];
        turn = turn == 2 ? 0 : turn + 1;
    }
    return out;
}

/* Writes one row of the padded input; `row` counts from the top of the padding. */
static void bs_load_row(const bs_ring *ring, uint32_t row, uint8_t *out)
{
    const bs_conv *const layer = ring->layer;
    const uint32_t padded_width = bs_padded_width(layer);
    if (row < layer->pad_top || row - layer->pad_top >= layer->in_h) {
        bs_fill(ring, padded_width, out);
        return;
    }
    const uint32_t pixel_bytes = bs_bytes(layer->in_c, layer->in_bits);
    const uint8_t *pixel = ring->in + (row - layer->pad_top) * layer->in_w * pixel_bytes;
    out = bs_fill(ring, layer->pad_left, out);
    /* A row without gaps is one run of codes. */
    const bool gaps = 8 * pixel_bytes != layer->in_bits * ring->channels;
    const uint32_t runs = gaps ? layer->in_w : 1;
    const uint32_t run = gaps ? ring->channels : layer->in_w * ring->channels;
    for (uint32_t i = 0; i < runs; i++) {
        bs_unpack(pixel, layer->in_bits, run, out);
        pixel += pixel_bytes;
        out += run;
    }
    bs_fill(ring, padded_width - layer->pad_left - layer->in_w, out);
}

uint32_t bs_ring_bytes(const bs_conv *layer, uint32_t channels)
{
    return bs_round_up(layer->kernel * bs_padded_width(layer) * channels, 4);
}

bs_ring bs_ring_start(const bs_conv *layer, const uint8_t *in, uint32_t channels, uint8_t *rows)
{
    const uint8_t pad = layer->pad_code[0];
    const bs_ring ring = {
        .layer = layer,
        .in = in,
        .rows = rows,
        .channels = channels,
        .row_bytes = bs_padded_width(layer) * channels,
        .pad = {pad, pad, pad},
    };
    return ring;
}

void bs_ring_advance(bs_ring *ring, uint32_t y)
{
    const bs_conv *const layer = ring->layer;
    const uint32_t needed = y * layer->stride + layer->kernel;
    while (ring->loaded < needed) {
        bs_load_row(ring, ring->loaded, ring->rows + ring->slot * ring->row_bytes);
        ring->loaded++;
        ring->slot = ring->slot + 1 == layer->kernel ? 0 : ring->slot + 1;
    }
}
