import Administration
import Control
import Glibc
import LocalDelivery
import QueueManager
import SMTPReceiver
import SMTPSender
import ServiceKit

@main
struct Martinet {
  static func main() {
    let arguments = CommandLine.arguments
    if arguments.count == 3, arguments[1] == "role", arguments[2] == DeliverProcess.roleName {
      exit(DeliverProcess.run())
    }
    guard arguments.count == 3, arguments[1] == "role", let role = Role(rawValue: arguments[2])
    else { exit(Program.run(arguments)) }
    exit(
      RoleProcess.run { context throws(RoleFailure) in
        switch role {
        case .smtpd: try SMTPReceiverService(context)
        case .qmgr: try QueueManagerService(context)
        case .smtp: try SMTPSenderService(context)
        case .local: try LocalDeliveryService(context)
        case .control: try ControlService(context)
        }
      })
  }
}
