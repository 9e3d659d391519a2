require 'not_installed'
