;; Inner loops of resample.ts, with several values at a time and the bits of Pillow. Weights are integers with
;; 22 fractional bits. A weight is `2048 * high + low`, so that products of 16 bits are exact. All sums are
;; modulo 2^32. The caller places all data in the memory.
;;
;; Taps of n pixels: n indices of the first source pixel, then for each pixel `pairs` times four numbers of
;; 16 bits: low, low, high, high of two consecutive weights. Weights beyond the last one are zero.
;;
;; Up to 16 bytes are read beyond a source line, and written beyond the last result.
;; After a change: npm run kernels.
(module
  (memory (import "pixels" "memory") 1)

  ;; Scales lines of three-byte pixels horizontally, four lines at a time. The last lines are scaled twice if
  ;; their number is no multiple of four.
  (func (export "across")
    (param $src i32) (param $stride i32) (param $rows i32)
    (param $taps i32) (param $pixels i32) (param $pairs i32)
    (param $dst i32)
    (local $row i32) (local $last i32) (local $outStride i32)
    (local $pixel i32) (local $from i32) (local $weight i32) (local $left i32)
    (local $srcA i32) (local $srcB i32) (local $srcC i32) (local $srcD i32)
    (local $dstA i32) (local $dstB i32) (local $dstC i32) (local $dstD i32)
    (local $lowA v128) (local $lowB v128) (local $lowC v128) (local $lowD v128)
    (local $highA v128) (local $highB v128) (local $highC v128) (local $highD v128)
    (local $low v128) (local $high v128) (local $values v128)
    (local.set $last (i32.sub (local.get $rows) (i32.const 1)))
    (local.set $outStride (i32.mul (local.get $pixels) (i32.const 3)))
    (loop $nextRows
      (local.set $srcA (i32.add (local.get $src) (i32.mul (local.get $row) (local.get $stride))))
      (local.set $dstA (i32.add (local.get $dst) (i32.mul (local.get $row) (local.get $outStride))))
      (local.set $left (i32.lt_u (local.get $row) (local.get $last)))
      (local.set $srcB (i32.add (local.get $srcA) (i32.mul (local.get $left) (local.get $stride))))
      (local.set $dstB (i32.add (local.get $dstA) (i32.mul (local.get $left) (local.get $outStride))))
      (local.set $left (i32.lt_u (i32.add (local.get $row) (i32.const 1)) (local.get $last)))
      (local.set $srcC (i32.add (local.get $srcB) (i32.mul (local.get $left) (local.get $stride))))
      (local.set $dstC (i32.add (local.get $dstB) (i32.mul (local.get $left) (local.get $outStride))))
      (local.set $left (i32.lt_u (i32.add (local.get $row) (i32.const 2)) (local.get $last)))
      (local.set $srcD (i32.add (local.get $srcC) (i32.mul (local.get $left) (local.get $stride))))
      (local.set $dstD (i32.add (local.get $dstC) (i32.mul (local.get $left) (local.get $outStride))))
      (local.set $weight (i32.add (local.get $taps) (i32.shl (local.get $pixels) (i32.const 2))))
      (local.set $pixel (i32.const 0))
      (loop $nextPixel
        (local.set $from (i32.mul (i32.const 3)
          (i32.load (i32.add (local.get $taps) (i32.shl (local.get $pixel) (i32.const 2))))))
        ;; Half a unit, so that truncation rounds.
        (local.set $lowA (i32x4.splat (i32.const 0x200000)))
        (local.set $lowB (local.get $lowA))
        (local.set $lowC (local.get $lowA))
        (local.set $lowD (local.get $lowA))
        (local.set $highA (v128.const i32x4 0 0 0 0))
        (local.set $highB (local.get $highA))
        (local.set $highC (local.get $highA))
        (local.set $highD (local.get $highA))
        (local.set $left (local.get $pairs))
        (loop $nextPair
          (local.set $low (v128.load32_splat (local.get $weight)))
          (local.set $high (v128.load32_splat offset=4 (local.get $weight)))
          ;; Red, red, green, green, blue, blue of two pixels, as numbers of 16 bits.
          (local.set $values (i8x16.swizzle
            (v128.load64_zero (i32.add (local.get $srcA) (local.get $from)))
            (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
          (local.set $lowA (i32x4.add (local.get $lowA) (i32x4.dot_i16x8_s (local.get $values) (local.get $low))))
          (local.set $highA (i32x4.add (local.get $highA) (i32x4.dot_i16x8_s (local.get $values) (local.get $high))))
          (local.set $values (i8x16.swizzle
            (v128.load64_zero (i32.add (local.get $srcB) (local.get $from)))
            (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
          (local.set $lowB (i32x4.add (local.get $lowB) (i32x4.dot_i16x8_s (local.get $values) (local.get $low))))
          (local.set $highB (i32x4.add (local.get $highB) (i32x4.dot_i16x8_s (local.get $values) (local.get $high))))
          (local.set $values (i8x16.swizzle
            (v128.load64_zero (i32.add (local.get $srcC) (local.get $from)))
            (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
          (local.set $lowC (i32x4.add (local.get $lowC) (i32x4.dot_i16x8_s (local.get $values) (local.get $low))))
          (local.set $highC (i32x4.add (local.get $highC) (i32x4.dot_i16x8_s (local.get $values) (local.get $high))))
          (local.set $values (i8x16.swizzle
            (v128.load64_zero (i32.add (local.get $srcD) (local.get $from)))
            (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
          (local.set $lowD (i32x4.add (local.get $lowD) (i32x4.dot_i16x8_s (local.get $values) (local.get $low))))
          (local.set $highD (i32x4.add (local.get $highD) (i32x4.dot_i16x8_s (local.get $values) (local.get $high))))
          (local.set $from (i32.add (local.get $from) (i32.const 6)))
          (local.set $weight (i32.add (local.get $weight) (i32.const 8)))
          (br_if $nextPair (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        ;; Clamps to 0 to 255. Each of the four pixels has four bytes, and the last one is unused.
        (local.set $values (i8x16.narrow_i16x8_u
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (i32x4.add (local.get $lowA) (i32x4.shl (local.get $highA) (i32.const 11))) (i32.const 22))
            (i32x4.shr_s (i32x4.add (local.get $lowB) (i32x4.shl (local.get $highB) (i32.const 11))) (i32.const 22)))
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (i32x4.add (local.get $lowC) (i32x4.shl (local.get $highC) (i32.const 11))) (i32.const 22))
            (i32x4.shr_s (i32x4.add (local.get $lowD) (i32x4.shl (local.get $highD) (i32.const 11))) (i32.const 22)))))
        (local.set $pixel (i32.add (local.get $pixel) (i32.const 1)))
        (if (i32.lt_u (local.get $pixel) (local.get $pixels))
          (then
            (v128.store32_lane 0 (local.get $dstA) (local.get $values))
            (v128.store32_lane 1 (local.get $dstB) (local.get $values))
            (v128.store32_lane 2 (local.get $dstC) (local.get $values))
            (v128.store32_lane 3 (local.get $dstD) (local.get $values))
            (local.set $dstA (i32.add (local.get $dstA) (i32.const 3)))
            (local.set $dstB (i32.add (local.get $dstB) (i32.const 3)))
            (local.set $dstC (i32.add (local.get $dstC) (i32.const 3)))
            (local.set $dstD (i32.add (local.get $dstD) (i32.const 3)))
            (br $nextPixel))
          ;; A fourth byte would lie in the next line.
          (else
            (v128.store16_lane 0 (local.get $dstA) (local.get $values))
            (v128.store16_lane 2 (local.get $dstB) (local.get $values))
            (v128.store16_lane 4 (local.get $dstC) (local.get $values))
            (v128.store16_lane 6 (local.get $dstD) (local.get $values))
            (v128.store8_lane offset=2 2 (local.get $dstA) (local.get $values))
            (v128.store8_lane offset=2 6 (local.get $dstB) (local.get $values))
            (v128.store8_lane offset=2 10 (local.get $dstC) (local.get $values))
            (v128.store8_lane offset=2 14 (local.get $dstD) (local.get $values)))))
      (br_if $nextRows (i32.le_u (local.tee $row (i32.add (local.get $row) (i32.const 4))) (local.get $last)))))

  ;; Scales lines of one-byte pixels horizontally, four lines at a time, like `across`.
  (func (export "acrossGrey")
    (param $src i32) (param $stride i32) (param $rows i32)
    (param $taps i32) (param $pixels i32) (param $pairs i32)
    (param $dst i32)
    (local $row i32) (local $last i32) (local $at i32)
    (local $pixel i32) (local $from i32) (local $weight i32) (local $left i32)
    (local $b i32) (local $c i32) (local $d i32)
    (local $low v128) (local $high v128) (local $values v128)
    (local.set $last (i32.sub (local.get $rows) (i32.const 1)))
    (loop $nextRows
      (local.set $b (i32.lt_u (local.get $row) (local.get $last)))
      (local.set $c (i32.add (local.get $b) (i32.lt_u (i32.add (local.get $row) (i32.const 1)) (local.get $last))))
      (local.set $d (i32.add (local.get $c) (i32.lt_u (i32.add (local.get $row) (i32.const 2)) (local.get $last))))
      (local.set $weight (i32.add (local.get $taps) (i32.shl (local.get $pixels) (i32.const 2))))
      (local.set $pixel (i32.const 0))
      (loop $nextPixel
        (local.set $from (i32.add
          (i32.add (local.get $src) (i32.mul (local.get $row) (local.get $stride)))
          (i32.load (i32.add (local.get $taps) (i32.shl (local.get $pixel) (i32.const 2))))))
        (local.set $low (i32x4.splat (i32.const 0x200000)))
        (local.set $high (v128.const i32x4 0 0 0 0))
        (local.set $left (local.get $pairs))
        (loop $nextPair
          ;; Two pixels of each line, as numbers of 16 bits.
          (local.set $values (v128.load16_lane 0 (local.get $from) (v128.const i32x4 0 0 0 0)))
          (local.set $values (v128.load16_lane 1
            (i32.add (local.get $from) (i32.mul (local.get $b) (local.get $stride))) (local.get $values)))
          (local.set $values (v128.load16_lane 2
            (i32.add (local.get $from) (i32.mul (local.get $c) (local.get $stride))) (local.get $values)))
          (local.set $values (v128.load16_lane 3
            (i32.add (local.get $from) (i32.mul (local.get $d) (local.get $stride))) (local.get $values)))
          (local.set $values (i16x8.extend_low_i8x16_u (local.get $values)))
          (local.set $low (i32x4.add (local.get $low)
            (i32x4.dot_i16x8_s (local.get $values) (v128.load32_splat (local.get $weight)))))
          (local.set $high (i32x4.add (local.get $high)
            (i32x4.dot_i16x8_s (local.get $values) (v128.load32_splat offset=4 (local.get $weight)))))
          (local.set $from (i32.add (local.get $from) (i32.const 2)))
          (local.set $weight (i32.add (local.get $weight) (i32.const 8)))
          (br_if $nextPair (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (local.set $values (i32x4.shr_s
          (i32x4.add (local.get $low) (i32x4.shl (local.get $high) (i32.const 11))) (i32.const 22)))
        (local.set $values (i16x8.narrow_i32x4_s (local.get $values) (local.get $values)))
        (local.set $values (i8x16.narrow_i16x8_u (local.get $values) (local.get $values)))
        (local.set $at (i32.add (local.get $dst)
          (i32.add (local.get $pixel) (i32.mul (local.get $row) (local.get $pixels)))))
        (v128.store8_lane 0 (local.get $at) (local.get $values))
        (v128.store8_lane 1
          (i32.add (local.get $at) (i32.mul (local.get $b) (local.get $pixels))) (local.get $values))
        (v128.store8_lane 2
          (i32.add (local.get $at) (i32.mul (local.get $c) (local.get $pixels))) (local.get $values))
        (v128.store8_lane 3
          (i32.add (local.get $at) (i32.mul (local.get $d) (local.get $pixels))) (local.get $values))
        (local.set $pixel (i32.add (local.get $pixel) (i32.const 1)))
        (br_if $nextPixel (i32.lt_u (local.get $pixel) (local.get $pixels))))
      (br_if $nextRows (i32.le_u (local.tee $row (i32.add (local.get $row) (i32.const 4))) (local.get $last)))))

  ;; Scales lines of `bytes` bytes vertically to `rows` lines without gaps, sixteen bytes at a time.
  (func (export "down")
    (param $src i32) (param $stride i32) (param $bytes i32)
    (param $taps i32) (param $rows i32) (param $pairs i32)
    (param $dst i32)
    (local $row i32) (local $at i32) (local $top i32) (local $weights i32)
    (local $from i32) (local $weight i32) (local $left i32)
    (local $low v128) (local $high v128)
    (local $one v128) (local $two v128) (local $values v128)
    (local $lowA v128) (local $lowB v128) (local $lowC v128) (local $lowD v128)
    (local $highA v128) (local $highB v128) (local $highC v128) (local $highD v128)
    (local.set $weights (i32.add (local.get $taps) (i32.shl (local.get $rows) (i32.const 2))))
    (loop $nextRow
      (local.set $top (i32.add (local.get $src) (i32.mul (local.get $stride)
        (i32.load (i32.add (local.get $taps) (i32.shl (local.get $row) (i32.const 2)))))))
      (local.set $at (i32.const 0))
      (loop $nextBytes
        (local.set $lowA (i32x4.splat (i32.const 0x200000)))
        (local.set $lowB (local.get $lowA))
        (local.set $lowC (local.get $lowA))
        (local.set $lowD (local.get $lowA))
        (local.set $highA (v128.const i32x4 0 0 0 0))
        (local.set $highB (local.get $highA))
        (local.set $highC (local.get $highA))
        (local.set $highD (local.get $highA))
        (local.set $from (i32.add (local.get $top) (local.get $at)))
        (local.set $weight (local.get $weights))
        (local.set $left (local.get $pairs))
        (loop $nextPair
          (local.set $low (v128.load32_splat (local.get $weight)))
          (local.set $high (v128.load32_splat offset=4 (local.get $weight)))
          ;; Bytes of two lines, in turns.
          (local.set $one (v128.load (local.get $from)))
          (local.set $two (v128.load (i32.add (local.get $from) (local.get $stride))))
          (local.set $values (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23
            (local.get $one) (local.get $two)))
          (local.set $two (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31
            (local.get $one) (local.get $two)))
          (local.set $one (i16x8.extend_low_i8x16_u (local.get $values)))
          (local.set $values (i16x8.extend_high_i8x16_u (local.get $values)))
          (local.set $lowA (i32x4.add (local.get $lowA) (i32x4.dot_i16x8_s (local.get $one) (local.get $low))))
          (local.set $highA (i32x4.add (local.get $highA) (i32x4.dot_i16x8_s (local.get $one) (local.get $high))))
          (local.set $lowB (i32x4.add (local.get $lowB) (i32x4.dot_i16x8_s (local.get $values) (local.get $low))))
          (local.set $highB (i32x4.add (local.get $highB) (i32x4.dot_i16x8_s (local.get $values) (local.get $high))))
          (local.set $one (i16x8.extend_low_i8x16_u (local.get $two)))
          (local.set $values (i16x8.extend_high_i8x16_u (local.get $two)))
          (local.set $lowC (i32x4.add (local.get $lowC) (i32x4.dot_i16x8_s (local.get $one) (local.get $low))))
          (local.set $highC (i32x4.add (local.get $highC) (i32x4.dot_i16x8_s (local.get $one) (local.get $high))))
          (local.set $lowD (i32x4.add (local.get $lowD) (i32x4.dot_i16x8_s (local.get $values) (local.get $low))))
          (local.set $highD (i32x4.add (local.get $highD) (i32x4.dot_i16x8_s (local.get $values) (local.get $high))))
          (local.set $from (i32.add (local.get $from) (i32.shl (local.get $stride) (i32.const 1))))
          (local.set $weight (i32.add (local.get $weight) (i32.const 8)))
          (br_if $nextPair (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (v128.store (i32.add (local.get $dst) (local.get $at))
          (i8x16.narrow_i16x8_u
            (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (local.get $lowA) (i32x4.shl (local.get $highA) (i32.const 11))) (i32.const 22))
              (i32x4.shr_s (i32x4.add (local.get $lowB) (i32x4.shl (local.get $highB) (i32.const 11))) (i32.const 22)))
            (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (local.get $lowC) (i32x4.shl (local.get $highC) (i32.const 11))) (i32.const 22))
              (i32x4.shr_s (i32x4.add (local.get $lowD) (i32x4.shl (local.get $highD) (i32.const 11))) (i32.const 22)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $nextBytes (i32.lt_u (local.get $at) (local.get $bytes))))
      (local.set $dst (i32.add (local.get $dst) (local.get $bytes)))
      (local.set $weights (i32.add (local.get $weights) (i32.shl (local.get $pairs) (i32.const 3))))
      (br_if $nextRow (i32.lt_u (local.tee $row (i32.add (local.get $row) (i32.const 1))) (local.get $rows)))))

  ;; Looks up the bytes of pixels of three bytes in three tables of 256 words at `tables`. Words of the next
  ;; channel are `apart` bytes away, those of the next pixel `step` bytes.
  (func (export "lookUp")
    (param $src i32) (param $pixels i32) (param $tables i32)
    (param $dst i32) (param $apart i32) (param $step i32)
    (local $next i32)
    (loop $nextPixel
      (i32.store (local.get $dst) (i32.load
        (i32.add (local.get $tables) (i32.shl (i32.load8_u (local.get $src)) (i32.const 2)))))
      (i32.store (local.tee $next (i32.add (local.get $dst) (local.get $apart))) (i32.load offset=1024
        (i32.add (local.get $tables) (i32.shl (i32.load8_u offset=1 (local.get $src)) (i32.const 2)))))
      (i32.store (i32.add (local.get $next) (local.get $apart)) (i32.load offset=2048
        (i32.add (local.get $tables) (i32.shl (i32.load8_u offset=2 (local.get $src)) (i32.const 2)))))
      (local.set $src (i32.add (local.get $src) (i32.const 3)))
      (local.set $dst (i32.add (local.get $dst) (local.get $step)))
      (br_if $nextPixel (local.tee $pixels (i32.sub (local.get $pixels) (i32.const 1)))))))
