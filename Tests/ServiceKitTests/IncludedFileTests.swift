import Foundation
import LookupTables
import ServiceKit
import TestSupport
import Testing

/// Files that aliases include, read while mail is handled.
struct IncludedFileTests {
  private func failure(_ path: String, limit: Int) async -> String? {
    let error = await #expect(throws: LookupError.self) {
      try await TableOpener.command().readIncluded(path, limit)
    }
    return error?.description
  }

  @Test func aFileIsReadUpToItsLimit() async throws {
    let folder = try TemporaryDirectory(prefix: "included")
    let path = try folder.write("a@b.test\n", to: "list")
    #expect(try await TableOpener.command().readIncluded(path, 9) == Array("a@b.test\n".utf8))
    #expect(
      await failure(path, limit: 8)?
        .contains("it is larger than alias_include_size_limit, 8 bytes") == true)
  }

  @Test func whatIsNoOrdinaryFileStopsNobody() async throws {
    let folder = try TemporaryDirectory(prefix: "included")
    let path = folder.path("fifo")
    #expect(mkfifo(path, 0o600) == 0)
    #expect(await failure(path, limit: 100)?.contains("it is no ordinary file") == true)
    #expect(await failure(folder.path, limit: 100)?.contains("it is no ordinary file") == true)
    #expect(await failure(folder.path("none"), limit: 100)?.contains("none") == true)
  }

  /// A device may act when it is opened, and who waits at a FIFO goes on.
  @Test func whatIsNoOrdinaryFileIsNotEvenOpened() async throws {
    let folder = try TemporaryDirectory(prefix: "included")
    let fifo = folder.path("fifo")
    #expect(mkfifo(fifo, 0o600) == 0)
    #expect(symlink(fifo, folder.path("list")) == 0)
    let file = try folder.write("a@b.test\n", to: "file")
    let watch = inotify_init1(Int32(O_NONBLOCK))
    defer { close(watch) }
    for path in [fifo, file] { #expect(inotify_add_watch(watch, path, UInt32(IN_OPEN)) >= 0) }
    var events = [UInt8](repeating: 0, count: 4096)
    #expect(
      await failure(folder.path("list"), limit: 100)?.contains("it is no ordinary file") == true)
    #expect(read(watch, &events, events.count) == -1 && errno == EAGAIN)
    // The watch sees what is opened.
    _ = try await TableOpener.command().readIncluded(file, 100)
    #expect(read(watch, &events, events.count) > 0)
  }

  @Test func aFileIsReadBehindALink() async throws {
    let folder = try TemporaryDirectory(prefix: "included")
    let file = try folder.write("a@b.test\n", to: "file")
    #expect(symlink(file, folder.path("list")) == 0)
    #expect(
      try await TableOpener.command().readIncluded(folder.path("list"), 100)
        == Array("a@b.test\n".utf8))
  }
}
