import CChecksum
package import MailTypes

extension IncludedItems.Item {
  /// What tells it from others of its alias: CRC-32C of the path of its file and of what it says.
  package var checksum: UInt32 {
    let bytes = path + [0] + text
    return bytes.withUnsafeBytes { cchecksum_crc32c(0, $0.baseAddress, $0.count) }
  }
}

extension AliasProgramPlace {
  /// Where the command or file that is meant stands among those of its alias now; `nil` when it is
  /// none of them any more. One that has moved is found: its neighbours have mail of their own.
  package func find(in programs: [IncludedItems.Item]) -> Int? {
    let index = Int(index)
    guard let checksum else {
      return programs.count == Int(count) && index < programs.count ? index : nil
    }
    if index < programs.count, programs[index].checksum == checksum { return index }
    return programs.firstIndex { $0.checksum == checksum }
  }
}
