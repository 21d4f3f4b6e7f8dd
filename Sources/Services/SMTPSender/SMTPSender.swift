// SMTPSender
