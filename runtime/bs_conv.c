/*
 * bs_conv.c - convolution over all channels with any kernel and stride, made for the first layer.
 *
 * The windows of two neighbouring output pixels are gathered from unpacked rows of the input into two long pixels,
 * then treated as in a pointwise convolution.
 *
 * Scratch: two widened windows, the windows, the rows.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_pixels.h"
#include "bs_rows.h"

/* Codes under a window: kernel * kernel * in_c. */
BS_INLINE uint32_t bs_window_codes(const bs_conv *layer)
{
    return (uint32_t)layer->kernel * layer->kernel * layer->in_c;
}

BS_COLD size_t bs_scratch_conv_first(const bs_conv *layer)
{
    const uint32_t n = bs_window_codes(layer);
    return bs_pair_bytes(n) + 2 * bs_round_up(n, 4) + bs_rows_bytes(layer, layer->in_c);
}

/* Unpacks n codes to one byte each. */
static BS_COLD void bs_unpack(const uint8_t *codes, uint32_t bits, uint32_t n, uint8_t *out)
{
    if (bits == 8) {
        bs_copy(out, codes, n);
        return;
    }
    bs_reader reader = {codes, bits, n};
    while (reader.left > 0) {
        const uint32_t count = bs_min(reader.left, 4);
        const uint32_t four = bs_read_four(&reader);
        bs_store_codes(out, 8, count, four);
        out += 4;
    }
}

/* Writes `pixels` pixels of padding. */
static BS_COLD uint8_t *bs_pad(const bs_conv *layer, uint32_t pixels, uint8_t *out)
{
    /* One code for all channels, or one for each of three. */
    const uint32_t codes = layer->in_c == 3 ? 3 : 1;
    for (; pixels > 0; pixels--) {
        for (uint32_t c = 0; c < layer->in_c; c++) {
            *out++ = layer->pad_code[c % codes];
        }
    }
    return out;
}

/* Writes one row of the padded input; `row` counts from the top of the padding. */
static BS_COLD void bs_load_row(const bs_conv *layer, const uint8_t *in, uint32_t row, uint8_t *out)
{
    const uint32_t padded_width = bs_padded_width(layer);
    const bool outside = row < layer->pad_top || row - layer->pad_top >= layer->in_h;
    out = bs_pad(layer, outside ? padded_width : layer->pad_left, out);
    if (outside) {
        return;
    }
    const uint32_t pixel_bytes = bs_bytes(layer->in_c, layer->in_bits);
    const uint8_t *pixel = in + (row - layer->pad_top) * layer->in_w * pixel_bytes;
    /* A row without gaps is one run of codes. */
    const bool gaps = 8 * pixel_bytes != layer->in_bits * layer->in_c;
    const uint32_t runs = gaps ? layer->in_w : 1;
    const uint32_t run = gaps ? layer->in_c : layer->in_w * layer->in_c;
    for (uint32_t i = 0; i < runs; i++) {
        bs_unpack(pixel, layer->in_bits, run, out);
        pixel += pixel_bytes;
        out += run;
    }
    bs_pad(layer, padded_width - layer->pad_left - layer->in_w, out);
}

/* The windows of a map in order. */
typedef struct {
    bs_source source;
    const bs_conv *layer;
    const uint8_t *in;
    uint8_t *windows; /* two, one byte per code */
    uint32_t y, x;    /* of the next output */
    bs_rows rows;
} bs_windows;

/* Copies the window of the next output. */
static void bs_gather_window(bs_windows *at, uint8_t *window)
{
    const bs_conv *const layer = at->layer;
    const uint32_t run = (uint32_t)layer->kernel * layer->in_c;
    const uint32_t offset = at->x * layer->stride * layer->in_c;
    for (uint32_t ky = 0; ky < layer->kernel; ky++) {
        bs_copy(window, bs_rows_at(&at->rows, ky) + offset, run);
        window += run;
    }
    at->x++;
}

/* Widens the windows of the next two outputs of a row. */
static BS_COLD uint32_t bs_next_windows(bs_source *source, uint32_t *x, uint32_t sums[2])
{
    bs_windows *const at = (bs_windows *)(void *)source;
    const bs_conv *const layer = at->layer;
    if (at->x == layer->out_w) {
        at->x = 0;
        at->y++;
    }
    if (at->y == layer->out_h) {
        return 0;
    }
    for (uint8_t *slot; (slot = bs_rows_next(&at->rows, at->y)) != NULL;) {
        bs_load_row(layer, at->in, at->rows.loaded - 1, slot);
    }
    const uint32_t count = bs_min(layer->out_w - at->x, 2);
    const uint32_t n = bs_window_codes(layer);
    uint8_t *const first = at->windows;
    uint8_t *second = first;
    bs_gather_window(at, first);
    if (count == 2) {
        second += bs_round_up(n, 4);
        bs_gather_window(at, second);
    }
    bs_widen_pair(first, second, 8, n, layer->weight_bits, x, sums);
    return count;
}

BS_COLD bs_status bs_conv_first(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    BS_REQUIRE(bs_check_conv_first(layer, in, out, scratch));
    const uint32_t n = bs_window_codes(layer);
    bs_windows windows;
    windows.source.next = bs_next_windows;
    windows.layer = layer;
    windows.in = in;
    windows.windows = (uint8_t *)scratch + bs_pair_bytes(n);
    windows.y = 0;
    windows.x = 0;
    bs_rows_start(&windows.rows, layer, layer->in_c, windows.windows + 2 * bs_round_up(n, 4));
    bs_run_pixels(layer, &windows.source, n, scratch, out);
    return BS_OK;
}
