/*
 * bs_rows.h - a sliding window of rows of the padded input.
 *
 * Rows are unpacked once, as they come into reach of the window, into `kernel` slots that are used in turn. The
 * loops over windows therefore know neither borders nor widths, and the output may overwrite rows that have been
 * read.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_ROWS_H
#define BS_ROWS_H

#include "bs_internal.h"

/* The last `kernel` rows of the padded input. */
typedef struct {
    uint8_t *slots;
    uint32_t kernel, stride;
    uint32_t slot_bytes;
    uint32_t loaded; /* rows of the padded input that have been loaded */
    uint32_t slot;   /* slot of the next row, which is that of the oldest */
} bs_rows;

/* Columns from the left edge of the first window to the right edge of the last, or of the map. */
BS_INLINE uint32_t bs_padded_width(const bs_conv *layer)
{
    const uint32_t windows = ((uint32_t)layer->out_w - 1) * layer->stride + layer->kernel;
    const uint32_t map = (uint32_t)layer->pad_left + layer->in_w;
    return windows > map ? windows : map;
}

/* Bytes of the slots for a number of channels, a multiple of 4. */
uint32_t bs_rows_bytes(const bs_conv *layer, uint32_t channels);

/* Empty slots for a number of channels. */
void bs_rows_start(bs_rows *rows, const bs_conv *layer, uint32_t channels, uint8_t *slots);

/* Where to load the next row, whose number in the padded input is rows->loaded - 1 afterwards; NULL if all rows under
   the windows of output row y are there. Output rows must be asked for in order. */
uint8_t *bs_rows_next(bs_rows *rows, uint32_t y);

/* Row ky (0 to kernel - 1) under the windows of the output row last asked for. */
BS_INLINE uint8_t *bs_rows_at(const bs_rows *rows, uint32_t ky)
{
    const uint32_t slot = rows->slot + ky;
    return rows->slots + (slot < rows->kernel ? slot : slot - rows->kernel) * rows->slot_bytes;
}

#endif
