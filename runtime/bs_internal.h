/*
 * bs_internal.h - what all kernels share: loads and stores of packed codes, requantization, argument checks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_INTERNAL_H
#define BS_INTERNAL_H

#include "bitsmith.h"

#include <stdbool.h>
#include <string.h>

/* Set to 1 in debug builds: every kernel then checks its arguments. */
#ifndef BS_CHECK
#define BS_CHECK 0
#endif

/* Functions whose constant arguments must reach their inner loops. */
#if defined(__GNUC__)
#define BS_INLINE static inline __attribute__((always_inline))
#else
#define BS_INLINE static inline
#endif

/* Makes the compiler finish two sums here. GCC otherwise gathers the products of an unrolled loop, runs out
   of registers and spills, which doubles the cost of the inner loops. No instruction comes of it. */
#if defined(__GNUC__)
#define BS_SETTLE(a, b) __asm__("" : "+r"(a), "+r"(b))
#else
#define BS_SETTLE(a, b) ((void)0)
#endif

_Static_assert((-5 >> 1) == -3, "right shifts of negative integers must be arithmetic");
_Static_assert((int32_t)UINT32_C(0xFFFFFFFE) == -2, "conversion to signed integers must be modulo 2^32");
#if defined(__BYTE_ORDER__)
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed codes and parameters are little-endian");
#endif

/* ---- sizes ---- */

/* Smaller of two counts. */
BS_INLINE uint32_t bs_min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* n rounded up to a multiple of a power of two. */
BS_INLINE uint32_t bs_round_up(uint32_t n, uint32_t multiple)
{
    return (n + multiple - 1) & ~(multiple - 1);
}

/* Bytes of n codes. */
BS_INLINE uint32_t bs_bytes(uint32_t n, uint32_t bits)
{
    return (n * bits + 7) >> 3;
}

/* ---- packed codes, four at a time ---- */

/* Reads four codes as they are packed, code i in bits i * bits and up, from bits / 2 bytes. */
BS_INLINE uint32_t bs_load_packed(const uint8_t *codes, uint32_t bits)
{
    if (bits == 2) {
        return codes[0];
    }
    if (bits == 4) {
        uint16_t packed;
        memcpy(&packed, codes, 2);
        return packed;
    }
    uint32_t packed;
    memcpy(&packed, codes, 4);
    return packed;
}

/* Spreads four packed codes to one byte each. */
BS_INLINE uint32_t bs_spread(uint32_t packed, uint32_t bits)
{
    if (bits == 4) {
        packed = (packed | packed << 8) & UINT32_C(0x00FF00FF);
        packed = (packed | packed << 4) & UINT32_C(0x0F0F0F0F);
    } else if (bits == 2) {
        packed = (packed | packed << 12) & UINT32_C(0x000F000F);
        packed = (packed | packed << 6) & UINT32_C(0x03030303);
    }
    return packed;
}

/* Four codes, one byte each, of which only `count` (1 to 4) exist; the others are zero and not touched. */
BS_INLINE uint32_t bs_load_codes(const uint8_t *codes, uint32_t bits, uint32_t count)
{
    if (count == 4) {
        return bs_spread(bs_load_packed(codes, bits), bits);
    }
    uint32_t packed = 0;
    for (uint32_t i = bs_bytes(count, bits); i > 0; i--) {
        packed = packed << 8 | codes[i - 1];
    }
    return bs_spread(packed, bits) & UINT32_C(0xFFFFFFFF) >> (32 - 8 * count);
}

/* Packs and writes `count` (1 to 4) codes, given one byte each; the bytes from `count` on must be zero. */
BS_INLINE void bs_store_codes(uint8_t *out, uint32_t bits, uint32_t count, uint32_t codes)
{
    if (bits == 2) {
        codes |= codes >> 6;
        codes |= codes >> 12;
    } else if (bits == 4) {
        codes |= codes >> 4;
        codes = (codes & 0xFF) | (codes >> 8 & 0xFF00);
    }
    for (uint32_t i = bs_bytes(count, bits); i > 0; i--) {
        *out++ = (uint8_t)codes;
        codes >>= 8;
    }
}

/* Largest code of a width. */
BS_INLINE uint32_t bs_highest(uint32_t bits)
{
    return (1u << bits) - 1;
}

/* One code of a row. */
BS_INLINE uint32_t bs_code_at(const uint8_t *row, uint32_t bits, uint32_t index)
{
    const uint32_t position = index * bits;
    return (uint32_t)row[position >> 3] >> (position & 7) & bs_highest(bits);
}

/* ---- requantization ---- */

/* Parameter tables of a layer's output channels. */
typedef struct {
    const int32_t *bias;
    const int32_t *multiplier;
    const uint8_t *shift;
    const uint8_t *weight_zero;
} bs_channels;

/* Finds the tables of a layer. */
BS_INLINE bs_channels bs_channels_of(const bs_conv *layer)
{
    const uint32_t n = layer->out_c;
    const uint8_t *bytes = (const uint8_t *)(layer->params + 2 * n);
    const bs_channels channels = {layer->params, layer->params + n, bytes, bytes + n};
    return channels;
}

/* floor(product / 2^shift) for shifts from 1 to 31, saturated to int32. */
int32_t bs_shift_saturated(int64_t product, uint32_t shift);

/* floor(acc * multiplier / 2^shift) for shifts from 1 to 62, saturated to int32. Shifts below 32, which only
   factors above a half have, leave the straight path. */
BS_INLINE int32_t bs_scale(uint32_t acc, int32_t multiplier, uint32_t shift)
{
    const int64_t product = (int64_t)(int32_t)acc * multiplier;
    return shift >= 32 ? (int32_t)(product >> 32) >> (shift - 32) : bs_shift_saturated(product, shift);
}

/* Code of an accumulator in an output with a zero point and a highest code. */
BS_INLINE uint32_t bs_requantize(uint32_t acc, int32_t multiplier, uint32_t shift, uint32_t zero,
                                 uint32_t highest)
{
    const int32_t value = bs_scale(acc, multiplier, shift);
    const uint32_t code = (uint32_t)value + zero;
    if (code <= highest) {
        return code;
    }
    return value < 0 ? 0 : highest;
}

/* ---- checks, see bs_check.c ---- */

/* Leaves a kernel with the status of a check that fails; nothing in release builds. */
#define BS_REQUIRE(check)                            \
    do {                                             \
        if (BS_CHECK) {                              \
            const bs_status status_ = (check);       \
            if (status_ != BS_OK) {                  \
                return status_;                      \
            }                                        \
        }                                            \
    } while (0)

bs_status bs_check_pointwise(const bs_conv *layer, const void *in, const void *out, const void *scratch);
bs_status bs_check_conv_first(const bs_conv *layer, const void *in, const void *out, const void *scratch);
bs_status bs_check_depthwise(const bs_conv *layer, const void *in, const void *out, const void *scratch);
bs_status bs_check_linear(const bs_conv *layer, const void *in, const void *logits, const void *scratch);
bs_status bs_check_avgpool(const bs_pool *layer, const void *in, const void *out);
bs_status bs_check_residual_add(const bs_add *layer, const void *a, const void *b, const void *out);

#endif
