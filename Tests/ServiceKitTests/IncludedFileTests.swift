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
}
