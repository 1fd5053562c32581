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

/* 1 where the DSP extension is used: Cortex-M4, -M7, -M33. BS_PORTABLE=1 forces the portable build. The kernels are
   written for Thumb-2 of the M profile: cores of the A and R profile report the extension too, but ARM state has other
   rules for the registers of LDRD. */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__) && !defined(BS_PORTABLE) \
    && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#define BS_DSP 1
#else
#define BS_DSP 0
#endif

/* Functions whose constant arguments must reach their inner loops. */
#if defined(__GNUC__)
#define BS_INLINE static inline __attribute__((always_inline))
#else
#define BS_INLINE static inline
#endif

/* Functions that take little of the time: rather small than fast. */
#if defined(__GNUC__)
#define BS_COLD __attribute__((cold, noinline))
#else
#define BS_COLD
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

/* A row of packed codes that is read four at a time. */
typedef struct {
    const uint8_t *codes;
    uint32_t bits;
    uint32_t left;
} bs_reader;

/* The next four codes, one byte each; zeros behind the last. Behind it the reader stands at the end of the row. */
uint32_t bs_read_four(bs_reader *reader);

/* A word at any address. */
BS_INLINE uint32_t bs_load_word(const uint8_t *from)
{
    uint32_t word;
    memcpy(&word, from, 4);
    return word;
}

/* Writes a word to any address. */
BS_INLINE void bs_store_word(uint8_t *to, uint32_t word)
{
    memcpy(to, &word, 4);
}

/* Writes the low half of a word to any address. */
BS_INLINE void bs_store_half(uint8_t *to, uint32_t word)
{
    const uint16_t half = (uint16_t)word;
    memcpy(to, &half, 2);
}

/* Copies bytes, and fills bytes with a code, by words: small C libraries do so byte by byte. */
void bs_copy(uint8_t *to, const uint8_t *from, uint32_t bytes);
void bs_fill(uint8_t *to, uint32_t bytes, uint32_t code);

/* Packs four codes, given one byte each, to the low bits of a word. */
BS_INLINE uint32_t bs_pack(uint32_t codes, uint32_t bits)
{
    if (bits == 2) {
        codes |= codes >> 6;
        codes |= codes >> 12;
    } else if (bits == 4) {
        codes |= codes >> 4;
        codes = (codes & 0xFF) | (codes >> 8 & 0xFF00);
    }
    return codes;
}

/* Packs and writes four codes, given one byte each. */
BS_INLINE void bs_store_four(uint8_t *out, uint32_t bits, uint32_t codes)
{
    const uint32_t packed = bs_pack(codes, bits);
    if (bits == 2) {
        *out = (uint8_t)packed;
    } else if (bits == 4) {
        bs_store_half(out, packed);
    } else {
        bs_store_word(out, packed);
    }
}

/* Packs and writes the first `count` (1 to 4) of four codes. */
void bs_store_codes(uint8_t *out, uint32_t bits, uint32_t count, uint32_t codes);

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

/* The tables of a layer from a channel on. */
BS_INLINE bs_channels bs_channels_from(const bs_conv *layer, uint32_t first)
{
    const uint32_t n = layer->out_c;
    const uint8_t *bytes = (const uint8_t *)(layer->params + 2 * n) + first;
    const bs_channels channels = {layer->params + first, layer->params + n + first, bytes, bytes + n};
    return channels;
}

/* The tables of a layer. */
BS_INLINE bs_channels bs_channels_of(const bs_conv *layer)
{
    return bs_channels_from(layer, 0);
}

/* floor(acc * multiplier / 2^shift) for shifts from 1 to 62, saturated to int32. */
int32_t bs_scale(uint32_t acc, int32_t multiplier, uint32_t shift);

/* Zero point and highest code of an output. */
typedef struct {
    uint32_t zero, highest;
} bs_output;

/* The output of a layer. */
BS_INLINE bs_output bs_output_of(const bs_conv *layer)
{
    const bs_output output = {layer->out_zero, bs_highest(layer->out_bits)};
    return output;
}

/* Code of an accumulator for any shift from 1 to 62. */
uint32_t bs_requantize(const bs_output *output, uint32_t acc, int32_t multiplier, uint32_t shift);

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
bs_status bs_check_depthwise_any(const bs_conv *layer, const void *in, const void *out, const void *scratch);
bs_status bs_check_linear(const bs_conv *layer, const void *in, const void *logits, const void *scratch);
bs_status bs_check_avgpool(const bs_pool *layer, const void *in, const void *out);
bs_status bs_check_avgpool_logits(const bs_pool *layer, const void *in, const void *logits);
bs_status bs_check_lookup(const bs_lookup *layer, const void *in, const void *out);
bs_status bs_check_multiply(const bs_multiply *layer, const void *in, const void *gate, const void *out);
bs_status bs_check_window(const bs_window *layer, const void *in, const void *out);
bs_status bs_check_residual_add(const bs_add *layer, const void *a, const void *b, const void *out);

#endif
