/*
 * bs_widen.c - codes widened to 16 bits.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_widen.h"
#include "bs_dsp.h"

#if BS_DSP

/* Stores a word of each pixel. */
BS_INLINE uint32_t *bs_put(uint32_t *x, uint32_t first, uint32_t second)
{
    x[0] = first;
    x[1] = second;
    return x + 2;
}

/* Stores codes 0 and 2, then 1 and 3 of four of each pixel. */
BS_INLINE uint32_t *bs_put_four(uint32_t *x, const uint32_t four[2])
{
    x = bs_put(x, bs_bytes_02(four[0]), bs_bytes_02(four[1]));
    return bs_put(x, bs_bytes_13(four[0]), bs_bytes_13(four[1]));
}

/* Stores four codes of each pixel, each with that of the four codes which are taken together with them. */
BS_INLINE uint32_t *bs_put_eight(uint32_t *x, const uint32_t four[2], const uint32_t other[2])
{
    const uint32_t even0 = bs_bytes_02(four[0]);
    const uint32_t even1 = bs_bytes_02(four[1]);
    const uint32_t other_even0 = bs_bytes_02(other[0]);
    const uint32_t other_even1 = bs_bytes_02(other[1]);
    x = bs_put(x, bs_join_low(even0, other_even0), bs_join_low(even1, other_even1));
    const uint32_t odd0 = bs_bytes_13(four[0]);
    const uint32_t odd1 = bs_bytes_13(four[1]);
    const uint32_t other_odd0 = bs_bytes_13(other[0]);
    const uint32_t other_odd1 = bs_bytes_13(other[1]);
    x = bs_put(x, bs_join_low(odd0, other_odd0), bs_join_low(odd1, other_odd1));
    x = bs_put(x, bs_join_high(even0, other_even0), bs_join_high(even1, other_even1));
    return bs_put(x, bs_join_high(odd0, other_odd0), bs_join_high(odd1, other_odd1));
}

/* Two rows of packed codes that are read four at a time. */
typedef struct {
    bs_reader first, second;
    uint32_t sums[2]; /* of the codes that have been read */
} bs_two_rows;

/* Reads the next four codes of each row, with zeros behind the last. */
static void bs_next_four(bs_two_rows *rows, uint32_t four[2])
{
    const uint32_t bits = rows->first.bits;
    uint32_t codes0;
    uint32_t codes1;
    if (rows->first.left >= 4) {
        const uint8_t *const first = rows->first.codes;
        const uint8_t *const second = rows->second.codes;
        rows->first.codes = first + (bits >> 1);
        rows->second.codes = second + (bits >> 1);
        rows->first.left -= 4;
        rows->second.left = rows->first.left;
        codes0 = bs_spread(bs_load_packed(first, bits), bits);
        codes1 = bs_spread(bs_load_packed(second, bits), bits);
    } else {
        codes0 = bs_read_four(&rows->first);
        codes1 = bs_read_four(&rows->second);
    }
    four[0] = codes0;
    four[1] = codes1;
    rows->sums[0] = bs_add_bytes(rows->sums[0], codes0);
    rows->sums[1] = bs_add_bytes(rows->sums[1], codes1);
}

void bs_widen_pair(const uint8_t *first, const uint8_t *second, uint32_t bits, uint32_t n, uint32_t weight_bits,
                   uint32_t *x, uint32_t sums[2])
{
    bs_two_rows rows = {{first, bits, n}, {second, bits, n}, {0, 0}};
    uint32_t four[2];
    uint32_t other[2];
    while (weight_bits == 8 && rows.first.left > 0) {
        bs_next_four(&rows, four);
        x = bs_put_four(x, four);
    }
    while (rows.first.left > 0) {
        bs_next_four(&rows, four);
        /* With 2 bits eight codes or fewer at the end meet half a word, which is as with 4 bits. */
        if (weight_bits == 2 && rows.first.left > 4) {
            uint32_t next[2];
            bs_next_four(&rows, next);
            bs_next_four(&rows, other);
            x = bs_put_eight(x, four, other);
            four[0] = next[0];
            four[1] = next[1];
        }
        bs_next_four(&rows, other);
        x = bs_put_eight(x, four, other);
    }
    sums[0] = rows.sums[0];
    sums[1] = rows.sums[1];
}

/* Where code k stands in a vector, counted in halves. */
BS_INLINE uint32_t bs_position(uint32_t k, uint32_t weight_bits)
{
    const uint32_t pairs = 16 / weight_bits;
    const uint32_t j = k & (2 * pairs - 1);
    return k - j + (weight_bits == 8 ? 2 * (j & 1) + (j >> 1) : 2 * (j & (pairs - 1)) + (j >= pairs));
}

BS_COLD uint32_t bs_widen_vector(const uint8_t *codes, uint32_t bits, uint32_t n, uint32_t weight_bits, uint32_t *x)
{
    uint8_t *const bytes = (uint8_t *)x;
    uint32_t sum = 0;
    memset(bytes, 0, bs_vector_bytes(n));
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t code = bs_code_at(codes, bits, k);
        bytes[2 * bs_position(k, weight_bits)] = (uint8_t)code;
        sum += code;
    }
    return sum;
}

#else

void bs_widen_pair(const uint8_t *first, const uint8_t *second, uint32_t bits, uint32_t n, uint32_t weight_bits,
                   uint32_t *x, uint32_t sums[2])
{
    (void)weight_bits;
    bs_reader reader0 = {first, bits, n};
    bs_reader reader1 = {second, bits, n};
    uint32_t sum0 = 0;
    uint32_t sum1 = 0;
    while (reader0.left > 0) {
        uint32_t four0 = bs_read_four(&reader0);
        uint32_t four1 = bs_read_four(&reader1);
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t code0 = four0 & 0xFF;
            const uint32_t code1 = four1 & 0xFF;
            sum0 += code0;
            sum1 += code1;
            *x++ = code0 | code1 << 16;
            four0 >>= 8;
            four1 >>= 8;
        }
    }
    sums[0] = sum0;
    sums[1] = sum1;
}

uint32_t bs_widen_vector(const uint8_t *codes, uint32_t bits, uint32_t n, uint32_t weight_bits, uint32_t *x)
{
    (void)weight_bits;
    bs_reader reader = {codes, bits, n};
    uint32_t sum = 0;
    while (reader.left > 0) {
        const uint32_t four = bs_read_four(&reader);
        const uint32_t low = (four & 0xFF) | (four << 8 & 0xFF0000);
        const uint32_t high = (four >> 16 & 0xFF) | (four >> 8 & 0xFF0000);
        const uint32_t both = low + high;
        sum += (both & 0xFFFF) + (both >> 16);
        x[0] = low;
        x[1] = high;
        x += 2;
    }
    return sum;
}

#endif
