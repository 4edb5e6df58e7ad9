/* Pixels at 1/8, 1/4, 1/2 or all of the size, from the blocks that the walk has read anyway, so that libjpeg need not
 * read all bits again. Only for images about which libjpeg could not warn. The result equals libjpeg's within 3 of 255
 * (jidctred.c averages, too, but rounds more often), except that subsampled colours are not smoothed.
 */
#ifndef CATALOGD_PAINT_H
#define CATALOGD_PAINT_H

#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "blocks.h"

enum { MAX_PIXELS = 1 << 24 }; /* of the shrunk image */

static inline uint8_t clip(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static inline Four reversed(Four row)
{
    return (Four){row[3], row[2], row[1], row[0]};
}

/* The contribution of each frequency to the means of two and of four samples of a row of eight (A.3.3); `down` as in
 * Basis. */
typedef struct {
    Four halves[64], quarters[8], down[2][8];
} Means;

static float mean_cosine(int n, int part, int parts)
{
    float sum = 0;
    for (int x = part * 8 / parts; x < (part + 1) * 8 / parts; x++)
        sum += n ? 0.5f * cosf((float)((2 * x + 1) * n) * 0.19634954f) : 0.35355339f;
    return sum * (float)parts / 8;
}

static void set_means(Means *means)
{
    for (int k = 0; k < 64; k++)
        for (int i = 0; i < 4; i++)
            means->halves[k][i] = mean_cosine(natural[k] >> 3, i / 2, 2) * mean_cosine(natural[k] & 7, i % 2, 2);
    for (int n = 0; n < 8; n++)
        for (int i = 0; i < 4; i++) {
            means->quarters[n][i] = mean_cosine(n, i, 4);
            means->down[i & 1][n][i] = means->down[i & 1][n][3 - i] = mean_cosine(n, i & 1, 4);
        }
}

/* Means of 2 x 2 samples of the AC coefficients plus `level`. */
static inline void average_2x2(const Block *block, float level, const Means *means, Four rows[4])
{
    const Four none = {0, 0, 0, 0};
    Four part[8] = {none, none, none, none, none, none, none, none};
    for (int n = 0; n < block->count; n++) {
        int at = natural[block->place[n]];
        part[at >> 3] += means->quarters[at & 7] * block->value[n];
    }
    for (int y = 0; y < 2; y++) {
        const Four *row = means->down[y];
        Four even = part[0] * row[0] + part[2] * row[2] + part[4] * row[4] + part[6] * row[6] + (none + level);
        Four odd = part[1] * row[1] + part[3] * row[3] + part[5] * row[5] + part[7] * row[7];
        rows[y] = even + odd, rows[3 - y] = even - odd;
    }
}

/* Store as bytes, clipped to 0..255. */
static inline void store(uint8_t to[16], Four a, Four b, Four c, Four d)
{
#ifdef __SSE2__
    __m128i low = _mm_packs_epi32(_mm_cvttps_epi32(a), _mm_cvttps_epi32(b));
    __m128i high = _mm_packs_epi32(_mm_cvttps_epi32(c), _mm_cvttps_epi32(d));
    _mm_storeu_si128((__m128i *)(void *)to, _mm_packus_epi16(low, high));
#else
    const Four list[4] = {a, b, c, d};
    for (int i = 0; i < 16; i++)
        to[i] = clip((int)list[i / 4][i % 4]);
#endif
}

/* Write one block as uint8 [2^log][2^log], in rows `stride` bytes apart; `level`: its dequantised DC. */
static inline void paint(uint8_t *to, size_t stride, int log, const Block *block, float level, const Means *means,
                         const Basis *basis)
{
    const float grey = level / 8 + 128.5f;
    uint8_t bytes[16];
    if (log == 0)
        *to = clip((int)grey);
    else if (log == 1) {
        Four sum = {grey, grey, grey, grey};
        for (int n = 0; n < block->count; n++)
            sum += means->halves[block->place[n]] * block->value[n];
        store(bytes, sum, sum, sum, sum);
        memcpy(to, bytes, 2), memcpy(to + stride, bytes + 2, 2);
    } else if (log == 2) {
        Four rows[4];
        average_2x2(block, grey, means, rows);
        store(bytes, rows[0], rows[1], rows[2], rows[3]);
        for (int y = 0; y < 4; y++)
            memcpy(to + (size_t)y * stride, bytes + 4 * y, 4);
    } else {
        Four left[8], right[8];
        transform(block, grey, basis, left, right);
        for (int y = 0; y < 8; y += 2) {
            store(bytes, left[y], reversed(right[y]), left[y + 1], reversed(right[y + 1]));
            memcpy(to + (size_t)y * stride, bytes, 8), memcpy(to + (size_t)(y + 1) * stride, bytes + 8, 8);
        }
    }
}

/* Allocate samples for grey, or for YCbCr with full or halved colours. Return 0 for other layouts or without memory. */
static int allocate_samples(Component *list, int components, int log)
{
    const Component *first = &list[0];
    if ((components == 1 && (first->h != 1 || first->v != 1)) || components == 2 || components > 3)
        return 0;
    for (int i = 0; i < components; i++) {
        Component *c = &list[i];
        if (c->h > (i ? 1 : 2) || c->v > (i ? 1 : 2))
            return 0;
        /* Colours that are halved both ways are shrunk half as much, as in libjpeg. */
        c->log = log < 3 && i && first->h == 2 && first->v == 2 ? log + 1 : log;
        c->samples = malloc((size_t)c->stride * (size_t)c->rows << 2 * c->log);
        if (!c->samples)
            return 0;
    }
    return 1;
}

/* Return row `y` of the image, `width` samples; `buffer`: of one sample more, used if the row is `halved`. */
static const uint8_t *sample_row(const Component *c, int y, int width, int halved, uint8_t *buffer)
{
    const uint8_t *from = c->samples + (size_t)y * ((size_t)c->stride << c->log);
    for (int x = 0; halved && x < width; x += 2)
        buffer[x] = buffer[x + 1] = from[x >> 1];
    return halved ? buffer : from;
}

/* x * share / 65536 in 16 bits, which vectorizes to eight at once on every processor. */
static inline int16_t part(int16_t x, int16_t share)
{
    return (int16_t)((x * share) >> 16);
}

/* Convert a row of YCbCr to RGBX (JFIF 1.02, page 3). */
static void ycbcr_to_rgbx(uint8_t *to, const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int width)
{
    for (int x = 0; x < width; x++) {
        /* Differences from grey, times 4. */
        int16_t grey = y[x], blue = (int16_t)(cb[x] * 4 - 512), red = (int16_t)(cr[x] * 4 - 512);
        int16_t r = (int16_t)((int16_t)(part(red, 13173) + 1) >> 1);
        int16_t b = (int16_t)((int16_t)(part(blue, 7471) + 1) >> 1);
        int16_t g = (int16_t)((int16_t)(part(blue, 11277) + part(red, 23401) + 1) >> 1); /* 0.344136, 0.714136 */
        r = (int16_t)(grey + (red >> 2) + r), b = (int16_t)(grey + (blue >> 1) - b); /* 1 + 0.402, 2 - 0.228 */
        g = (int16_t)(grey - g);
        to[4 * x] = clip(r), to[4 * x + 1] = clip(g), to[4 * x + 2] = clip(b), to[4 * x + 3] = 255;
    }
}

/* Write RGBX or grey, [height][width], from the samples. Return 0 without memory. */
static int write_pixels(uint8_t *to, const Component *list, int components, int width, int height)
{
    const Component *last = &list[components - 1];
    const int same_log = last->log == list[0].log;
    const int halved_x = list[0].h == 2 && same_log, halved_y = list[0].v == 2 && same_log;
    uint8_t *buffer = malloc(2 * ((size_t)width + 1));
    for (int y = 0; buffer && y < height; y++, to += (components == 1 ? 1 : 4) * (size_t)width) {
        const uint8_t *grey = sample_row(&list[0], y, width, 0, buffer);
        if (components == 1) {
            memcpy(to, grey, (size_t)width);
            continue;
        }
        const uint8_t *cb = sample_row(&list[1], y >> halved_y, width, halved_x, buffer);
        const uint8_t *cr = sample_row(&list[2], y >> halved_y, width, halved_x, buffer + width + 1);
        ycbcr_to_rgbx(to, grey, cb, cr, width);
    }
    free(buffer);
    return buffer != 0;
}

#endif
