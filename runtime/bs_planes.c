/*
 * bs_planes.c - rows of the padded input and of the output, channel by channel.
 *
 * Codes move in tiles of four channels by four pixels.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_planes.h"
#include "bs_code.h"

/* Tiles of one byte per code on one side of the turn. */
typedef struct {
    uint32_t step; /* bytes from one word of a tile to the next */
    uint32_t next; /* bytes from one tile to the next */
} bs_tiles;

/* Copies `count` tiles and turns pixels into channels, or back. */
static void bs_turn(const uint8_t *from, bs_tiles from_tiles, uint8_t *to, bs_tiles to_tiles, uint32_t count)
{
    for (; count > 0; count--) {
        const uint8_t *const half = from + 2 * from_tiles.step;
        const uint32_t word0 = bs_load_word(from);
        const uint32_t word1 = bs_load_word(from + from_tiles.step);
        const uint32_t word2 = bs_load_word(half);
        const uint32_t word3 = bs_load_word(half + from_tiles.step);
        const uint32_t even = bs_join_low(word0, word2);
        const uint32_t odd = bs_join_low(word1, word3);
        const uint32_t high_even = bs_join_high(word0, word2);
        const uint32_t high_odd = bs_join_high(word1, word3);
        uint8_t *const to_half = to + 2 * to_tiles.step;
        bs_store_word(to, bs_bytes_02(even) | bs_bytes_02(odd) << 8);
        bs_store_word(to + to_tiles.step, bs_bytes_13(even) | bs_bytes_13(odd) << 8);
        bs_store_word(to_half, bs_bytes_02(high_even) | bs_bytes_02(high_odd) << 8);
        bs_store_word(to_half + to_tiles.step, bs_bytes_13(high_even) | bs_bytes_13(high_odd) << 8);
        from += from_tiles.next;
        to += to_tiles.next;
    }
}

/* Start of the group of four columns at x; the last group may begin among those before. */
BS_INLINE uint32_t bs_group_start(uint32_t x, uint32_t width)
{
    return x + 4 > width && width > 4 ? width - 4 : x;
}

/* Writes the first `count` bytes of a word. */
BS_INLINE void bs_store_bytes(uint8_t *to, uint32_t step, uint32_t count, uint32_t word)
{
    for (; count > 0; count--) {
        *to = (uint8_t)word;
        to += step;
        word >>= 8;
    }
}

/* ---- input: pixels to planes ---- */

/* Takes up to four pixels apart, byte by byte of their codes. */
static BS_COLD void bs_split(const uint8_t *in, uint32_t step, uint32_t count, uint32_t channels, uint32_t bits, uint8_t *plane,
                     uint32_t width)
{
    const uint32_t mask = bs_highest(bits) * UINT32_C(0x00010001);
    /* Pixels that do not exist are the first one once more. */
    const uint32_t offset1 = count > 1 ? step : 0;
    const uint32_t offset2 = count > 2 ? 2 * step : 0;
    const uint32_t offset3 = count > 3 ? 3 * step : 0;
    while (channels > 0) {
        uint32_t even = in[0] | (uint32_t)in[offset2] << 16;
        uint32_t odd = in[offset1] | (uint32_t)in[offset3] << 16;
        in++;
        for (uint32_t left = bs_min(channels, 8 / bits); left > 0; left--) {
            const uint32_t four = (even & mask) | (odd & mask) << 8;
            if (count == 4) {
                bs_store_word(plane, four);
            } else {
                bs_store_bytes(plane, 1, count, four);
            }
            plane += width;
            even >>= bits;
            odd >>= bits;
            channels--;
        }
    }
}

/* Four codes of a pixel in the low half of a word, of another in the high half. */
BS_INLINE uint32_t bs_two_fours(const uint8_t *first, const uint8_t *second, uint32_t bits)
{
    if (bits == 2) {
        return first[0] | (uint32_t)second[0] << 16;
    }
    return bs_load_packed(first, 4) | bs_load_packed(second, 4) << 16;
}

/* Takes four pixels of 2 or 4 bits apart, `count` times four channels. */
static void bs_split_fours(const uint8_t *in, uint32_t step, uint32_t bits, uint8_t *plane, uint32_t width,
                           uint32_t count)
{
    const uint32_t mask = bs_highest(bits) * UINT32_C(0x00010001);
    for (; count > 0; count--) {
        const uint8_t *const half = in + 2 * step;
        uint32_t even = bs_two_fours(in, half, bits);
        uint32_t odd = bs_two_fours(in + step, half + step, bits);
        bs_store_word(plane, (even & mask) | (odd & mask) << 8);
        even >>= bits;
        odd >>= bits;
        bs_store_word(plane + width, (even & mask) | (odd & mask) << 8);
        plane += 2 * width;
        even >>= bits;
        odd >>= bits;
        bs_store_word(plane, (even & mask) | (odd & mask) << 8);
        bs_store_word(plane + width, (even >> bits & mask) | (odd >> bits & mask) << 8);
        plane += 2 * width;
        in += bits >> 1;
    }
}

/* Takes a row of the map apart; its planes start at `out`. */
static void bs_split_row(const bs_planes *planes, const uint8_t *in, uint8_t *out)
{
    const uint32_t in_w = planes->layer->in_w;
    const uint32_t bits = planes->layer->in_bits;
    const uint32_t step = bs_bytes(planes->layer->in_c, bits);
    const uint32_t width = planes->width;
    for (uint32_t x = 0; x < in_w; x += 4) {
        const uint32_t first = bs_group_start(x, in_w);
        const uint8_t *pixel = in + first * step;
        uint8_t *plane = out + first;
        uint32_t left = planes->channels;
        if (in_w >= 4) {
            const bs_tiles pixels = {step, 4};
            const bs_tiles channels = {width, 4 * width};
            const uint32_t fours = left / 4;
            if (bits == 8) {
                bs_turn(pixel, pixels, plane, channels, fours);
            } else {
                bs_split_fours(pixel, step, bits, plane, width, fours);
            }
            plane += fours * channels.next;
            pixel += fours * (bits >> 1);
            left &= 3;
        }
        bs_split(pixel, step, bs_min(in_w, 4), left, bits, plane, width);
    }
}

BS_COLD void bs_planes_load(const bs_planes *planes, const uint8_t *in, uint32_t row, uint8_t *slot)
{
    const bs_conv *const layer = planes->layer;
    row -= layer->pad_top;
    /* Rows above the map wrap around. */
    const bool inside = row < layer->in_h;
    if (!inside || planes->width > layer->in_w) {
        bs_fill(slot, planes->channels * planes->width, layer->pad_code[0]);
    }
    if (inside) {
        in += row * layer->in_w * bs_bytes(layer->in_c, layer->in_bits);
        bs_split_row(planes, in, slot + layer->pad_left);
    }
}

/* ---- output: planes to pixels ---- */

/* Packs up to four pixels, byte by byte of their codes. */
static void bs_merge(const bs_output *output, const uint8_t *plane, uint32_t width, uint32_t count, uint32_t channels,
                     uint32_t bits, uint8_t *out, uint32_t step)
{
    while (channels > 0) {
        uint32_t four = 0;
        uint32_t shift = 0;
        for (; shift < 8 && channels > 0; channels--) {
            four |= bs_limit_four(output, bs_load_word(plane)) << shift;
            plane += width;
            shift += bits;
        }
        bs_store_bytes(out, step, count, four);
        out++;
    }
}

void bs_planes_pack(const bs_planes *planes, const uint8_t *slot, uint8_t *out)
{
    const bs_output output = bs_output_of(planes->layer);
    const uint32_t out_w = planes->layer->out_w;
    const uint32_t bits = planes->layer->out_bits;
    const uint32_t step = bs_bytes(planes->layer->out_c, bits);
    const uint32_t width = planes->width;
    for (uint32_t x = 0; x < out_w; x += 4) {
        const uint32_t first = bs_group_start(x, out_w);
        const uint8_t *plane = slot + first;
        uint8_t *pixel = out + first * step;
        uint32_t left = planes->channels;
        if (bits == 8 && out_w >= 4) {
            const bs_tiles pixels = {step, 4};
            const bs_tiles channels = {width, 4 * width};
            bs_turn(plane, channels, pixel, pixels, left / 4);
            plane += left / 4 * channels.next;
            pixel += left / 4 * 4;
            left &= 3;
        }
        bs_merge(&output, plane, width, bs_min(out_w, 4), left, bits, pixel, step);
    }
}
