import LinuxSystem
import SystemPackage
import Testing

@Suite struct SharedPageTests {
  @Test func whatOneStoresTheOtherReads() throws {
    let (page, descriptor) = try SharedPage.make("test")
    let other = try SharedPage(descriptor.raw)
    #expect((0..<SharedPage.wordCount).allSatisfy { page.load($0) == 0 })
    page.store(.max, at: 0)
    other.store(7, at: SharedPage.wordCount - 1)
    #expect(other.load(0) == .max)
    #expect(page.load(SharedPage.wordCount - 1) == 7)
  }

  @Test func nobodyCanTakeThePageAway() throws {
    let (_, descriptor) = try SharedPage.make("test")
    #expect(throws: Errno.notPermitted) { try Files.truncate(descriptor.raw, to: 0) }
    #expect(throws: Errno.notPermitted) { try Files.truncate(descriptor.raw, to: 1 << 20) }
  }

  @Test func aFileThatIsTooShortIsNoPage() throws {
    let file = try Files.sealedMemory("short", content: [1])
    #expect(throws: Errno.invalidArgument) { try SharedPage(file.raw) }
  }
}
