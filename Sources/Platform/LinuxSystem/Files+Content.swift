import CLinux
package import SystemPackage

extension Files {
  /// Reserves disk blocks without changing the size (`fallocate`); `EOPNOTSUPP` where the file
  /// system cannot.
  package static func allocate(
    _ file: Int32, offset: Int64, count: Int64
  ) throws(Errno) {
    try checked(clinux_allocate(file, offset, count))
  }

  /// Sets the size in bytes.
  package static func truncate(_ file: Int32, to size: Int64) throws(Errno) {
    try checked(clinux_truncate(file, size))
  }

  /// Waits until content and size are on the disk (`fdatasync`). Blocks: never on a reactor.
  package static func syncData(_ file: Int32) throws(Errno) { try checked(clinux_sync_data(file)) }

  /// Forgets cached pages of a file that need not be written (`POSIX_FADV_DONTNEED`).
  package static func dropCache(_ file: Int32) throws(Errno) {
    try checked(clinux_drop_cache(file))
  }

  /// Waits until a file with its attributes, or a directory's entries, are on the disk.
  package static func sync(_ file: Int32) throws(Errno) { try checked(clinux_sync(file)) }

  /// Reads into `buffer` until it is full or the file ends; the count of bytes read.
  package static func read(
    _ file: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(Errno) -> Int {
    try fill(buffer, from: file, at: offset, by: clinux_read_at)
  }

  /// Reads as `read` does, but never waits for the disk (`RWF_NOWAIT`): throws
  /// `EAGAIN` when not all is in memory, and `EOPNOTSUPP` where the file system cannot tell.
  package static func readCached(
    _ file: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(Errno) -> Int {
    try fill(buffer, from: file, at: offset, by: clinux_read_cached_at)
  }

  /// Reads until the buffer is full or the file ends.
  private static func fill(
    _ buffer: UnsafeMutableRawBufferPointer, from file: Int32, at offset: Int64,
    by call: (Int32, UnsafeMutableRawPointer?, Int, Int64) -> Int
  ) throws(Errno) -> Int {
    var done = 0
    while done < buffer.count {
      let count = try checked(
        call(file, buffer.baseAddress! + done, buffer.count - done, offset + Int64(done)))
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Whether a part of a file is in memory, so that sending it does not wait for the disk.
  package static func isCached(
    _ file: Int32, offset: Int64, count: Int64
  ) throws(Errno) -> Bool {
    try checked(clinux_is_cached(file, offset, count)) == 1
  }

  /// Reads up to `count` bytes from `offset` as `readCached` does.
  package static func readCached(
    _ file: Int32, count: Int, at offset: Int64
  ) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var failure: Errno?
    var done = 0
    bytes.withUnsafeMutableBytes { buffer in
      do throws(Errno) {
        done = try readCached(file, into: buffer, at: offset)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return done == count ? bytes : Array(bytes[..<done])
  }

  /// Reads up to `count` bytes from `offset`; fewer only where the file ends.
  package static func read(
    _ file: Int32, count: Int, at offset: Int64
  ) throws(Errno) -> [UInt8] {
    var failure: Errno?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      do throws(Errno) {
        done = try read(file, into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Writes all bytes at `offset`.
  package static func writeAll(
    _ file: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64
  ) throws(Errno) {
    var done = 0
    while done < bytes.count {
      let count = try checked(
        clinux_write_at(file, bytes.baseAddress! + done, bytes.count - done, offset + Int64(done)))
      guard count > 0 else { throw Errno.ioError }
      done += count
    }
  }

  /// Writes all bytes at `offset`.
  package static func writeAll(
    _ file: Int32, _ bytes: [UInt8], at offset: Int64
  ) throws(Errno) {
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(Errno) in try writeAll(file, bytes, at: offset) }
    }
    try result.get()
  }

  /// Writes all bytes of all buffers, one after the other, from `offset` on (`pwritev`).
  package static func writeAll(
    _ file: Int32, gathering buffers: [UnsafeRawBufferPointer], at offset: Int64
  ) throws(Errno) {
    var parts = buffers.filter { !$0.isEmpty }.map {
      clinux_part(base: $0.baseAddress, length: $0.count)
    }
    var first = 0
    var at = offset
    while first < parts.count {
      let used = min(parts.count - first, 1024)
      let result = parts.withUnsafeBufferPointer {
        clinux_write_parts_at(file, $0.baseAddress! + first, CInt(used), at)
      }
      var count = try checked(result)
      guard count > 0 else { throw Errno.ioError }
      at += Int64(count)
      while first < parts.count, count >= parts[first].length {
        count -= parts[first].length
        first += 1
      }
      if count > 0 {
        parts[first].base += count
        parts[first].length -= count
      }
    }
  }

  /// Writes bytes to a descriptor without a position (a pipe, a log); the outcome of one call.
  package static func writeSome(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer {
    Transfer(writing: clinux_write(file, bytes.baseAddress, bytes.count))
  }

  /// Reads from a descriptor without a position (a pipe); the outcome of one call.
  package static func readSome(
    _ file: Int32, into buffer: UnsafeMutableRawBufferPointer
  ) -> Transfer {
    Transfer(reading: clinux_read(file, buffer.baseAddress, buffer.count))
  }

  /// The whole content of a small file; `EFBIG` when it holds more than `limit` bytes.
  package static func readWhole(
    _ path: String, limit: Int, in directory: Int32 = workingDirectory
  ) throws(Errno) -> [UInt8] {
    let file = try open(path, .read, in: directory)
    return try readWhole(file.raw, limit: limit)
  }

  /// The content of an open file from its position on; `EFBIG` when it has more than `limit` bytes.
  package static func readWhole(_ file: Int32, limit: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: min(4096, limit + 1))
    var used = 0
    while true {
      if used == bytes.count {
        guard used <= limit else { throw Errno.fileTooLarge }
        bytes.append(contentsOf: repeatElement(0, count: min(used, limit + 1 - used)))
      }
      let count = try checked(
        bytes.withUnsafeMutableBytes {
          clinux_read(file, $0.baseAddress! + used, $0.count - used)
        })
      if count == 0 { break }
      used += count
    }
    guard used <= limit else { throw Errno.fileTooLarge }
    bytes.removeLast(bytes.count - used)
    return bytes
  }
}
