;; Inner loops of resample.ts with four or sixteen values at a time and the same bits. Weights are integers
;; with 22 fractional bits, as in resample.ts. The caller places all data in the memory, which never grows.
;; After a change: npm run kernels.
(module
  (memory (export "memory") 64 64)

  ;; Scales lines of three-byte pixels horizontally: `rows` lines of `width` pixels at `src` become lines of
  ;; `pixels` pixels at `dst`. Pixel p averages the pixels from first[p] on, by weights[offsets[p]] to
  ;; weights[offsets[p + 1] - 1]. One byte is read and one written beyond the end of a line. It belongs to the
  ;; next line, or to the slack.
  (func (export "across")
    (param $src i32) (param $width i32) (param $rows i32)
    (param $first i32) (param $offsets i32) (param $weights i32) (param $pixels i32)
    (param $dst i32)
    (local $pixel i32) (local $from i32) (local $tap i32) (local $end i32) (local $sum v128)
    (loop $nextRow
      (local.set $pixel (i32.const 0))
      (loop $nextPixel
        (local.set $from (i32.add (local.get $src)
          (i32.mul (i32.const 3) (i32.load (i32.add (local.get $first) (i32.shl (local.get $pixel) (i32.const 2)))))))
        (local.set $end (i32.add (local.get $offsets) (i32.shl (local.get $pixel) (i32.const 2))))
        (local.set $tap (i32.add (local.get $weights) (i32.shl (i32.load (local.get $end)) (i32.const 2))))
        (local.set $end (i32.add (local.get $weights) (i32.shl (i32.load offset=4 (local.get $end)) (i32.const 2))))
        ;; Half a unit, so that truncation rounds.
        (local.set $sum (i32x4.splat (i32.const 0x200000)))
        (block $summed
          (loop $nextTap
            (br_if $summed (i32.ge_u (local.get $tap) (local.get $end)))
            (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
              (v128.load32_splat (local.get $tap))
              (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $from)))))))
            (local.set $tap (i32.add (local.get $tap) (i32.const 4)))
            (local.set $from (i32.add (local.get $from) (i32.const 3)))
            (br $nextTap)))
        ;; Clamps to 0 to 255, like a Uint8ClampedArray.
        (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
        (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
        (v128.store32_lane 0 (local.get $dst) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
        (local.set $dst (i32.add (local.get $dst) (i32.const 3)))
        (local.set $pixel (i32.add (local.get $pixel) (i32.const 1)))
        (br_if $nextPixel (i32.lt_u (local.get $pixel) (local.get $pixels))))
      (local.set $src (i32.add (local.get $src) (i32.mul (i32.const 3) (local.get $width))))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
      (br_if $nextRow (local.get $rows))))

  ;; Adds `lines` lines of `bytes` bytes at `src`, each by its weight, into one line at `dst`. Up to 15 bytes
  ;; are read and written beyond the end of a line.
  (func (export "down")
    (param $src i32) (param $bytes i32) (param $lines i32) (param $weights i32) (param $dst i32)
    (local $at i32) (local $from i32) (local $line i32) (local $values v128) (local $part v128) (local $weight v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (loop $nextBytes
      (local.set $a (i32x4.splat (i32.const 0x200000)))
      (local.set $b (local.get $a))
      (local.set $c (local.get $a))
      (local.set $d (local.get $a))
      (local.set $from (i32.add (local.get $src) (local.get $at)))
      (local.set $line (i32.const 0))
      (loop $nextLine
        (local.set $values (v128.load (local.get $from)))
        (local.set $weight
          (v128.load32_splat (i32.add (local.get $weights) (i32.shl (local.get $line) (i32.const 2)))))
        (local.set $part (i16x8.extend_low_i8x16_u (local.get $values)))
        (local.set $a (i32x4.add (local.get $a)
          (i32x4.mul (local.get $weight) (i32x4.extend_low_i16x8_u (local.get $part)))))
        (local.set $b (i32x4.add (local.get $b)
          (i32x4.mul (local.get $weight) (i32x4.extend_high_i16x8_u (local.get $part)))))
        (local.set $part (i16x8.extend_high_i8x16_u (local.get $values)))
        (local.set $c (i32x4.add (local.get $c)
          (i32x4.mul (local.get $weight) (i32x4.extend_low_i16x8_u (local.get $part)))))
        (local.set $d (i32x4.add (local.get $d)
          (i32x4.mul (local.get $weight) (i32x4.extend_high_i16x8_u (local.get $part)))))
        (local.set $from (i32.add (local.get $from) (local.get $bytes)))
        (local.set $line (i32.add (local.get $line) (i32.const 1)))
        (br_if $nextLine (i32.lt_u (local.get $line) (local.get $lines))))
      (v128.store (i32.add (local.get $dst) (local.get $at))
        (i8x16.narrow_i16x8_u
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (local.get $a) (i32.const 22)) (i32x4.shr_s (local.get $b) (i32.const 22)))
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (local.get $c) (i32.const 22)) (i32x4.shr_s (local.get $d) (i32.const 22)))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $nextBytes (i32.lt_u (local.get $at) (local.get $bytes))))))
