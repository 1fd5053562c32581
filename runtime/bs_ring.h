/*
 * bs_ring.h - a sliding window of input rows with their padding.
 *
 * Rows are widened to one byte per code once, as they come into reach of the window, into a ring of `kernel`
 * slots. The loops over windows therefore know neither borders nor widths, and the output may overwrite rows
 * that have been read.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_RING_H
#define BS_RING_H

#include "bs_internal.h"

/* The last `kernel` rows of the padded input. */
typedef struct {
    const bs_conv *layer;
    const uint8_t *in;      /* first channel of interest of the first pixel */
    uint8_t *rows;          /* slots of row_bytes each */
    uint32_t channels;      /* channels of interest */
    uint32_t row_bytes;     /* (pad_left + in_w + right pad) * channels */
    uint32_t loaded;        /* rows of the padded input that have been loaded */
    uint32_t slot;          /* slot of the next row, which is that of the oldest */
    uint8_t pad[3];         /* codes outside the map, in turn */
} bs_ring;

/* Bytes of the ring for a block of channels, a multiple of 4. */
uint32_t bs_ring_bytes(const bs_conv *layer, uint32_t channels);

/* A ring without rows over `channels` channels from `in` on. */
bs_ring bs_ring_start(const bs_conv *layer, const uint8_t *in, uint32_t channels, uint8_t *rows);

/* Loads the rows under the windows of output row y; rows must be asked for in order. */
void bs_ring_advance(bs_ring *ring, uint32_t y);

/* Row ky (0 to kernel - 1) under the windows of the output row last asked for. */
BS_INLINE const uint8_t *bs_ring_row(const bs_ring *ring, uint32_t ky)
{
    const uint32_t kernel = ring->layer->kernel;
    const uint32_t slot = ring->slot + ky;
    return ring->rows + (slot < kernel ? slot : slot - kernel) * ring->row_bytes;
}

#endif
