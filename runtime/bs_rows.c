/*
 * bs_rows.c - a sliding window of rows of the padded input.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_rows.h"

BS_COLD uint32_t bs_rows_bytes(const bs_conv *layer, uint32_t channels)
{
    return bs_round_up(layer->kernel * bs_padded_width(layer) * channels, 4);
}

BS_COLD void bs_rows_start(bs_rows *rows, const bs_conv *layer, uint32_t channels, uint8_t *slots)
{
    rows->slots = slots;
    rows->kernel = layer->kernel;
    rows->stride = layer->stride;
    rows->slot_bytes = bs_padded_width(layer) * channels;
    rows->loaded = 0;
    rows->slot = 0;
}

BS_COLD uint8_t *bs_rows_next(bs_rows *rows, uint32_t y)
{
    if (rows->loaded >= y * rows->stride + rows->kernel) {
        return NULL;
    }
    uint8_t *const slot = bs_rows_at(rows, 0);
    rows->loaded++;
    rows->slot = rows->slot + 1 == rows->kernel ? 0 : rows->slot + 1;
    return slot;
}
